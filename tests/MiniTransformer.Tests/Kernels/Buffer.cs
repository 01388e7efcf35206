using System.Runtime.InteropServices;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Kernels;

/// <summary>
/// Native memory for one operand of a kernel, between two guards that must be whole when it is disposed: a kernel that writes past an
/// end fails its test, and one that reads past it meets NaN.
/// </summary>
internal sealed unsafe class Buffer<T> : IDisposable
    where T : unmanaged
{
    private const int GuardBytes = 64;
    private readonly byte* memory;
    private readonly int length;

    public Buffer(params T[] values)
    {
        length = values.Length;
        memory = (byte*)NativeMemory.AlignedAlloc((nuint)(2 * GuardBytes + length * sizeof(T)), 64);
        Guards((byte* guard) => new Span<byte>(guard, GuardBytes).Fill(0xFF));
        values.CopyTo(Span);
    }

    private delegate void OnGuard(byte* guard);

    public Span<T> Span => new(memory + GuardBytes, length);

    public static implicit operator T*(Buffer<T> buffer) => (T*)(buffer.memory + GuardBytes);

    public T[] ToArray() => Span.ToArray();

    public void Dispose()
    {
        Guards((byte* guard) =>
            Assert.True(new Span<byte>(guard, GuardBytes).IndexOfAnyExcept((byte)0xFF) < 0, "A kernel wrote past an end."));
        NativeMemory.AlignedFree(memory);
    }

    private void Guards(OnGuard action)
    {
        action(memory);
        action(memory + GuardBytes + length * sizeof(T));
    }
}

/// <summary>Operands and comparisons.</summary>
internal static class Operand
{
    /// <summary>n standard normal numbers times a scale.</summary>
    public static float[] Normal(int n, ulong seed, double scale = 1)
    {
        var rng = new Rng(seed);
        return [.. Enumerable.Range(0, n).Select(_ => (float)(scale * rng.NextNormal()))];
    }

    /// <summary>n integers in [0, bound).</summary>
    public static int[] Ids(int n, int bound, ulong seed)
    {
        var rng = new Rng(seed);
        return [.. Enumerable.Range(0, n).Select(_ => rng.NextInt(bound))];
    }

    public static double[] Doubles(this float[] x) => Array.ConvertAll(x, v => (double)v);

    public static float[] Zeros(int n) => new float[n];

    /// <summary>|actual − expected| ≤ tolerance · max(|expected|, floor) for every element; infinities must be equal.</summary>
    public static void Close(double[] expected, float[] actual, double tolerance, double floor = 1)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (double.IsInfinity(expected[i])) Assert.Equal((float)expected[i], actual[i]);
            else
            {
                double error = Math.Abs(actual[i] - expected[i]) / Math.Max(Math.Abs(expected[i]), floor);
                Assert.True(error <= tolerance,
                    $"element {i}: {actual[i]:R}, expected {expected[i]:R}; error {error:E2}, allowed {tolerance:E2}");
            }
        }
    }

    /// <summary>Equal to the last bit.</summary>
    public static void Identical(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)), "The results differ.");
}
