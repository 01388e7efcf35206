using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Four floats that are loaded, stored and kept in registers as one. Named fields, because an array inside a kernel would live in slow
/// local memory.
/// </summary>
internal struct Float4
{
    /// <summary>The first float.</summary>
    public float X;

    /// <summary>The second float.</summary>
    public float Y;

    /// <summary>The third float.</summary>
    public float Z;

    /// <summary>The fourth float.</summary>
    public float W;

    /// <summary>sum ← a·b + sum, for each of the four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void MultiplyAdd(float a, Float4 b, ref Float4 sum)
    {
        sum.X += a * b.X;
        sum.Y += a * b.Y;
        sum.Z += a * b.Z;
        sum.W += a * b.W;
    }

    /// <summary>
    /// The first <paramref name="valid"/> of four neighbours; the others are zero. Aligned: the address is a multiple of four floats, and
    /// all four are valid or none.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Float4 Load<TElement>(ArrayView<float> from, long at, int valid, bool aligned)
        where TElement : struct, IElement
    {
        Float4 value = default;
        if (valid <= 0) return value;
        if (aligned) return TElement.Load4(from, at);
        value.X = TElement.Load(from, at);
        if (valid > 1) value.Y = TElement.Load(from, at + 1);
        if (valid > 2) value.Z = TElement.Load(from, at + 2);
        if (valid > 3) value.W = TElement.Load(from, at + 3);
        return value;
    }

    /// <summary>
    /// Stores the first <paramref name="valid"/> of the four as neighbours, or adds them to what is there. Aligned: as for
    /// <see cref="Load{TElement}"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store(Float4 value, ArrayView<float> to, long at, int valid, bool accumulate, bool aligned)
    {
        if (valid <= 0) return;
        if (accumulate) value = Sum(Load<Float32>(to, at, valid, aligned), value);
        if (aligned)
        {
            to.Cast<Float4>()[at >> 2] = value;
            return;
        }

        to[at] = value.X;
        if (valid > 1) to[at + 1] = value.Y;
        if (valid > 2) to[at + 2] = value.Z;
        if (valid > 3) to[at + 3] = value.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Sum(Float4 a, Float4 b)
    {
        a.X += b.X;
        a.Y += b.Y;
        a.Z += b.Z;
        a.W += b.W;
        return a;
    }
}
