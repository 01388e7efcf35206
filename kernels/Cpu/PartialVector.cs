using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The end of a row that does not fill a vector: it is loaded into a vector padded with zeros (or another value), goes through the
/// same formula as every other vector, and only its first lanes are stored.
/// </summary>
internal static unsafe class PartialVector
{
    /// <summary>The first <paramref name="count"/> lanes from memory, the rest 0.</summary>
    public static Vector<float> Load(float* p, int count) => Load(p, count, Vector<float>.Zero);

    /// <summary>The first <paramref name="count"/> lanes from memory, the rest from <paramref name="padding"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector<float> Load(float* p, int count, Vector<float> padding)
    {
        float* lanes = (float*)&padding;
        for (int i = 0; i < count; i++) lanes[i] = p[i];
        return padding;
    }

    /// <summary>Stores the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store(Vector<float> v, float* p, int count)
    {
        float* lanes = (float*)&v;
        for (int i = 0; i < count; i++) p[i] = lanes[i];
    }
}
