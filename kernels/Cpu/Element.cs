using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// A type in which weights lie in memory. Kernels widen where they read; widening is exact, so that a product has the bits of that of the
/// weight widened beforehand.
/// </summary>
internal unsafe interface IElement
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Size { get; }

    /// <summary>One element.</summary>
    static abstract float Load(byte* from);

    /// <summary>As many neighbours as a Vector holds.</summary>
    static abstract Vector<float> LoadVector(byte* from);

    /// <summary>Eight neighbours.</summary>
    static abstract Vector256<float> Load256(byte* from);

    /// <summary>Sixteen neighbours.</summary>
    static abstract Vector512<float> Load512(byte* from);
}

/// <summary>float32, as it is.</summary>
internal readonly unsafe struct Float32 : IElement
{
    /// <inheritdoc/>
    public static int Size => sizeof(float);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(byte* from) => *(float*)from;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> LoadVector(byte* from) => Vector.Load((float*)from);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load256(byte* from) => Vector256.Load((float*)from);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(byte* from) => Vector512.Load((float*)from);
}

/// <summary>bfloat16: the upper half of a float32.</summary>
internal readonly unsafe struct BFloat16 : IElement
{
    /// <inheritdoc/>
    public static int Size => sizeof(ushort);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(byte* from) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)from << 16);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> LoadVector(byte* from) => Vector.AsVectorSingle(Vector.ShiftLeft(Halves.Load(from), 16));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load256(byte* from) => Vector256.ShiftLeft(Halves.Load256(from), 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(byte* from) => Vector512.ShiftLeft(Halves.Load512(from), 16).AsSingle();
}

/// <summary>
/// IEEE half precision: a sign, 5 bits of exponent, 10 of mantissa. Vectors take finite numbers only, which all weights are; .NET has no
/// instruction for it.
/// </summary>
/// <remarks>Of a normal number the exponent is moved from bias 15 to 127; a subnormal one is its mantissa times 2⁻²⁴.</remarks>
internal readonly unsafe struct Float16 : IElement
{
    private const uint Sign = 0x8000, Rest = 0x7FFF, FirstNormal = 0x0400, Rebias = (127 - 15) << 23;
    private const float SmallestSubnormal = 1f / (1 << 24);

    /// <inheritdoc/>
    public static int Size => sizeof(ushort);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(byte* from) => (float)*(Half*)from;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> LoadVector(byte* from)
    {
        Vector<uint> half = Halves.Load(from), rest = half & Vector.Create(Rest);
        Vector<uint> normal = (rest << 13) + Vector.Create(Rebias);
        Vector<uint> subnormal = Vector.AsVectorUInt32(Vector.ConvertToSingle(Vector.AsVectorInt32(rest)) * SmallestSubnormal);
        Vector<uint> positive = Vector.ConditionalSelect(Vector.LessThan(rest, Vector.Create(FirstNormal)), subnormal, normal);
        return Vector.AsVectorSingle(positive | ((half & Vector.Create(Sign)) << 16));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load256(byte* from)
    {
        Vector256<uint> half = Halves.Load256(from), rest = half & Vector256.Create(Rest);
        Vector256<uint> normal = (rest << 13) + Vector256.Create(Rebias);
        Vector256<uint> subnormal = (Vector256.ConvertToSingle(rest.AsInt32()) * SmallestSubnormal).AsUInt32();
        Vector256<uint> positive = Vector256.ConditionalSelect(Vector256.LessThan(rest, Vector256.Create(FirstNormal)), subnormal, normal);
        return (positive | ((half & Vector256.Create(Sign)) << 16)).AsSingle();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(byte* from)
    {
        Vector512<uint> half = Halves.Load512(from), rest = half & Vector512.Create(Rest);
        Vector512<uint> normal = (rest << 13) + Vector512.Create(Rebias);
        Vector512<uint> subnormal = (Vector512.ConvertToSingle(rest.AsInt32()) * SmallestSubnormal).AsUInt32();
        Vector512<uint> positive = Vector512.ConditionalSelect(Vector512.LessThan(rest, Vector512.Create(FirstNormal)), subnormal, normal);
        return (positive | ((half & Vector512.Create(Sign)) << 16)).AsSingle();
    }
}

/// <summary>16-bit neighbours, each in 32 bits of its own.</summary>
internal static unsafe class Halves
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> Load(byte* from)
    {
        if (Vector<uint>.Count == 8) return Load256(from).AsVector();
        if (Vector<uint>.Count == 4) return Load128(from).AsVector();
        uint* wide = stackalloc uint[Vector<uint>.Count];
        for (int i = 0; i < Vector<uint>.Count; i++) wide[i] = ((ushort*)from)[i];
        return Vector.Load(wide);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Load128(byte* from) => Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)from).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load256(byte* from) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int32((ushort*)from).AsUInt32()
        : Vector256.Create(Load128(from), Load128(from + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Load512(byte* from) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)from))
        : Vector512.Create(Load256(from), Load256(from + 16));
}

/// <summary>Copies that widen.</summary>
internal static unsafe class Widening
{
    /// <summary>to ← from, of neighbours.</summary>
    public static void Copy<TElement>(byte* from, float* to, nint count)
        where TElement : struct, IElement
    {
        nint i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= count - 32; i += 32)
            {
                Vector512<float> a = TElement.Load512(from + (i * TElement.Size)), b = TElement.Load512(from + ((i + 16) * TElement.Size));
                a.Store(to + i);
                b.Store(to + i + 16);
            }
        }

        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count) TElement.LoadVector(from + (i * TElement.Size)).Store(to + i);
        for (; i < count; i++) to[i] = TElement.Load(from + (i * TElement.Size));
    }
}
