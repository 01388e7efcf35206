using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>yᵢ = wᵢ xᵢ / ρ with ρ = √(mean(x²) + ε), per row of C; saves 1/ρ per row. A group a row.</summary>
internal sealed class RmsNormForward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, float> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, float>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, ArrayView<float> inverseRms, int C, float eps)
    {
        int r = Grid.IdxX;
        long row = (long)r * C;
        float squares = 0f;
        for (int i = Group.IdxX; i < C; i += Group.DimX) squares += x[row + i] * x[row + i];
        float inverse = 1f / XMath.Sqrt(GroupSum.Of(squares) / C + eps);
        for (int i = Group.IdxX; i < C; i += Group.DimX) y[row + i] = x[row + i] * inverse * w[i];
        if (Group.IdxX == 0) inverseRms[r] = inverse;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, ArrayView<float> inverseRms, int rows, int c, float eps) =>
        kernel(Launch.Rows(rows, c), x, w, y, inverseRms, c, eps);
}

/// <summary>dxᵢ += (wᵢ dyᵢ − xᵢ ⟨w⊙dy, x⟩ / (C ρ²)) / ρ, per row of C. A group a row.</summary>
internal sealed class RmsNormBackwardInput(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> w, ArrayView<float> inverseRms, ArrayView<float> dy,
        ArrayView<float> dx, int C)
    {
        int r = Grid.IdxX;
        long row = (long)r * C;
        float inverse = inverseRms[r], products = 0f;
        for (int i = Group.IdxX; i < C; i += Group.DimX) products += x[row + i] * w[i] * dy[row + i];
        float projection = GroupSum.Of(products) * inverse * inverse / C;
        for (int i = Group.IdxX; i < C; i += Group.DimX) dx[row + i] += inverse * (w[i] * dy[row + i] - projection * x[row + i]);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> w, ArrayView<float> inverseRms, ArrayView<float> dy, ArrayView<float> dx,
        int rows, int c) =>
        kernel(Launch.Rows(rows, c), x, w, inverseRms, dy, dx, c);
}

/// <summary>
/// dwᵢ += Σ_rows dyᵢ xᵢ / ρ in two passes: a work item sums one column over a part of the rows, then one sums the column's parts in order.
/// </summary>
internal sealed class RmsNormBackwardWeight(Accelerator accelerator)
{
    private const int RowsOfPart = 64, MostParts = 64;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int> partial =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int>(Parts);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int> total =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int>(Total);

    /// <summary>Elements of scratch memory for the given sizes.</summary>
    public static int ScratchLength(int rows, int c) => checked(PartsOf(rows) * c);

    /// <summary>First pass: sums[part, i] over the part's rows.</summary>
    public static void Parts(ArrayView<float> x, ArrayView<float> inverseRms, ArrayView<float> dy, ArrayView<float> sums, int rows, int C,
        int parts)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= parts * C) return;
        int part = item / C, i = item % C, length = (rows + parts - 1) / parts;
        float sum = 0f;
        for (int r = part * length; r < XMath.Min(rows, (part + 1) * length); r++)
        {
            sum += inverseRms[r] * x[(long)r * C + i] * dy[(long)r * C + i];
        }
        sums[item] = sum;
    }

    /// <summary>Second pass.</summary>
    public static void Total(ArrayView<float> sums, ArrayView<float> dw, int C, int parts)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= C) return;
        float sum = 0f;
        for (int part = 0; part < parts; part++) sum += sums[part * C + i];
        dw[i] += sum;
    }

    /// <summary>Starts both.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> inverseRms, ArrayView<float> dy, ArrayView<float> scratch, ArrayView<float> dw,
        int rows, int c)
    {
        int parts = PartsOf(rows);
        partial(Launch.Items((long)parts * c), x, inverseRms, dy, scratch, rows, c, parts);
        total(Launch.Items(c), scratch, dw, c, parts);
    }

    private static int PartsOf(int rows) => Math.Clamp((rows + RowsOfPart - 1) / RowsOfPart, 1, MostParts);
}
