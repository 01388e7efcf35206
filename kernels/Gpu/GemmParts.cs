using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// The second pass of a product whose K was shared among groups: C = C₀ + S₀ + S₁ + ..., in the order of a group that takes all of K.
/// </summary>
internal static class GemmParts
{
    /// <summary>One work item an element of C; part p begins at p·length.</summary>
    public static void Add(ArrayView<float> parts, ArrayView<float> c, long length, int count, int accumulate)
    {
        long index = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (index >= length) return;
        float sum = accumulate != 0 ? c[index] + parts[index] : parts[index];
        for (int p = 1; p < count; p++) sum += parts[(p * length) + index];
        c[index] = sum;
    }
}
