using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Rotary position embedding: within each head of D the pair (i, i + D/2) turns by the angle position · θᵢ,
/// y₁ = x₁ cos − x₂ sin, y₂ = x₂ cos + x₁ sin; the tables are (positions, D/2). sign −1 turns back. A work item a pair; y may be x unless
/// it accumulates.
/// </summary>
internal sealed class Rope(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        RopeSize> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            RopeSize>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<int> positions, ArrayView<float> cos, ArrayView<float> sin, ArrayView<float> y,
        RopeSize size)
    {
        int item = Grid.GlobalIndex.X, half = size.D / 2;
        if (item >= size.Rows * size.H * half) return;
        int head = item / half, i = item % half; // head: row · H + h
        long at = (long)positions[head / size.H] * half + i, first = (long)head * size.D + i, second = first + half;
        float x1 = x[first], x2 = x[second], c = cos[at], s = sin[at] * size.Sign;
        float y1 = x1 * c - x2 * s, y2 = x2 * c + x1 * s;
        y[first] = size.Accumulate != 0 ? y[first] + y1 : y1;
        y[second] = size.Accumulate != 0 ? y[second] + y2 : y2;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<int> positions, ArrayView<float> cos, ArrayView<float> sin, ArrayView<float> y,
        RopeSize size) =>
        kernel(Launch.Items((long)size.Rows * size.H * (size.D / 2)), x, positions, cos, sin, y, size);
}

/// <summary>The numbers of a <see cref="Rope"/>.</summary>
/// <param name="Rows">Rows of x.</param>
/// <param name="H">Heads of a row.</param>
/// <param name="D">Elements of a head.</param>
/// <param name="Sign">+1 forward, −1 back.</param>
/// <param name="Accumulate">1 to add to y, 0 to overwrite it.</param>
internal readonly record struct RopeSize(int Rows, int H, int D, float Sign, int Accumulate);
