using System.Numerics;
using System.Runtime.InteropServices;
using MiniTransformer.Backends;

namespace MiniTransformer.IO;

/// <summary>The two types of 16 bits: widened exactly, and rounded to nearest, ties to even.</summary>
internal static class HalfPrecision
{
    /// <summary>The largest finite number of a type.</summary>
    public static float Largest(ElementType type) => type == ElementType.BF16 ? BitConverter.UInt32BitsToSingle(0x7F7F_0000) : 65504f;

    /// <summary>values = halves.</summary>
    public static void Widen(ReadOnlySpan<ushort> halves, Span<float> values, ElementType type)
    {
        if (type == ElementType.F16)
        {
            ReadOnlySpan<Half> numbers = MemoryMarshal.Cast<ushort, Half>(halves);
            for (int j = 0; j < values.Length; j++) values[j] = (float)numbers[j];
            return;
        }

        // A bfloat16 is the upper half of a float32.
        int i = 0;
        for (; i <= halves.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(halves[i..]), out Vector<uint> low, out Vector<uint> high);
            Vector.AsVectorSingle(Vector.ShiftLeft(low, 16)).CopyTo(values[i..]);
            Vector.AsVectorSingle(Vector.ShiftLeft(high, 16)).CopyTo(values[(i + Vector<uint>.Count)..]);
        }

        for (; i < halves.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }

    /// <summary>halves = values, rounded. Returns the place of a finite number that is too large for the type, or null.</summary>
    public static int? Round(ReadOnlySpan<float> values, Span<ushort> halves, ElementType type)
    {
        for (int i = 0; i < values.Length; i++)
        {
            halves[i] = type == ElementType.BF16 ? Upper(values[i]) : BitConverter.HalfToUInt16Bits((Half)values[i]);
            uint exponent = type == ElementType.BF16 ? 0x7F80u : 0x7C00u;
            if ((halves[i] & exponent) == exponent && float.IsFinite(values[i])) return i;
        }

        return null;
    }

    // Half of the last place that stays, less one if that place is even, carries into it when the rest is more than half, or half and
    // the place odd.
    private static ushort Upper(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)(bits >> 16 | 0x40);
        return (ushort)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
    }
}
