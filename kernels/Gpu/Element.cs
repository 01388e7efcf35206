using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// A type in which a matrix lies in memory, in a view of 32-bit words. Kernels widen where they read; widening is exact, so that a product
/// has the bits of that of the matrix widened beforehand.
/// </summary>
internal interface IElement
{
    /// <summary>One element.</summary>
    static abstract float Load(ArrayView<float> words, long at);

    /// <summary>Four neighbours from a multiple of four elements on.</summary>
    static abstract Float4 Load4(ArrayView<float> words, long at);
}

/// <summary>float32, as it is.</summary>
internal readonly struct Float32 : IElement
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(ArrayView<float> words, long at) => words[at];

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load4(ArrayView<float> words, long at) => words.Cast<Float4>()[at >> 2];
}

/// <summary>bfloat16: the upper half of a float32.</summary>
internal readonly struct BFloat16 : IElement
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(ArrayView<float> words, long at) => Widen(Halves.Load(words, at));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load4(ArrayView<float> words, long at)
    {
        Halves halves = words.Cast<Halves>()[at >> 2];
        Float4 value;
        value.X = Widen(halves.XY & 0xFFFFu);
        value.Y = Widen(halves.XY >> 16);
        value.Z = Widen(halves.ZW & 0xFFFFu);
        value.W = Widen(halves.ZW >> 16);
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Widen(uint half) => Interop.IntAsFloat(half << 16);
}

/// <summary>IEEE half precision; finite numbers only, which all weights are. The type Half itself fails on some OpenCL drivers.</summary>
internal readonly struct Float16 : IElement
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(ArrayView<float> words, long at) => Widen(Halves.Load(words, at));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load4(ArrayView<float> words, long at)
    {
        Halves halves = words.Cast<Halves>()[at >> 2];
        Float4 value;
        value.X = Widen(halves.XY & 0xFFFFu);
        value.Y = Widen(halves.XY >> 16);
        value.Z = Widen(halves.ZW & 0xFFFFu);
        value.W = Widen(halves.ZW >> 16);
        return value;
    }

    // Of a normal number the exponent is moved from bias 15 to 127; a subnormal one is its mantissa times 2⁻²⁴.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Widen(uint half)
    {
        uint rest = half & 0x7FFFu, sign = (half & 0x8000u) << 16;
        float positive = rest < 0x0400u ? (int)rest * (1f / (1 << 24)) : Interop.IntAsFloat((rest << 13) + ((127u - 15u) << 23));
        return Interop.IntAsFloat((uint)Interop.FloatAsInt(positive) | sign);
    }
}

/// <summary>Four 16-bit neighbours in two words, the first of a pair in the lower half.</summary>
internal struct Halves
{
    /// <summary>The first two.</summary>
    public uint XY;

    /// <summary>The last two.</summary>
    public uint ZW;

    /// <summary>One of them, anywhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load(ArrayView<float> words, long at)
    {
        uint pair = (uint)Interop.FloatAsInt(words[at >> 1]);
        return (at & 1) == 0 ? pair & 0xFFFFu : pair >> 16;
    }
}
