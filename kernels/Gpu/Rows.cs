using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>yᵢ = xᵢ + rowᵢ, per row of C; y may be x. A work item an element.</summary>
internal sealed class AddRow(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> row, ArrayView<float> y, int C)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) y[i] = x[i] + row[i % C];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> row, ArrayView<float> y, int c) => kernel(Launch.Items(x.Length), x, row, y, c);
}

/// <summary>sumsᵢ += Σ_rows xᵢ in two passes: a work item sums one column over a part of the rows, then one sums the column's parts in
/// order.</summary>
internal sealed class SumRows(Accelerator accelerator)
{
    private const int RowsOfPart = 64, MostParts = 64;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int, int> partial =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int, int>(Parts);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int> total =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int>(RmsNormBackwardWeight.Total);

    /// <summary>Elements of scratch memory for the given sizes.</summary>
    public static int ScratchLength(int rows, int c) => checked(PartsOf(rows) * c);

    /// <summary>First pass: sums[part, i] over the part's rows.</summary>
    public static void Parts(ArrayView<float> x, ArrayView<float> sums, int rows, int C, int parts)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= parts * C) return;
        int part = item / C, i = item % C, length = (rows + parts - 1) / parts;
        float sum = 0f;
        for (int r = part * length; r < XMath.Min(rows, (part + 1) * length); r++) sum += x[(long)r * C + i];
        sums[item] = sum;
    }

    /// <summary>Starts both.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> scratch, ArrayView<float> sums, int rows, int c)
    {
        int parts = PartsOf(rows);
        partial(Launch.Items((long)parts * c), x, scratch, rows, c, parts);
        total(Launch.Items(c), scratch, sums, c, parts);
    }

    private static int PartsOf(int rows) => Math.Clamp((rows + RowsOfPart - 1) / RowsOfPart, 1, MostParts);
}

/// <summary>yᵢ = xᵢ − mean(x), or yᵢ += it, per row of C. A group a row.</summary>
internal sealed class Centre(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int>(Kernel);

    /// <summary>The kernel; accumulate is 1 to add to y.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> y, int C, int accumulate)
    {
        long row = (long)Grid.IdxX * C;
        float sum = 0f;
        for (int i = Group.IdxX; i < C; i += Group.DimX) sum += x[row + i];
        float mean = GroupSum.Of(sum) / C;
        for (int i = Group.IdxX; i < C; i += Group.DimX)
        {
            float centred = x[row + i] - mean;
            y[row + i] = accumulate != 0 ? y[row + i] + centred : centred;
        }
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> y, int rows, int c, bool accumulate) =>
        kernel(Launch.Rows(rows, c), x, y, c, accumulate ? 1 : 0);
}

/// <summary>yᵢ = xᵢ + columnᵣ in row r of C; y may be x. A work item an element.</summary>
internal sealed class AddColumn(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> column, ArrayView<float> y, int C)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) y[i] = x[i] + column[i / C];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> column, ArrayView<float> y, int c) =>
        kernel(Launch.Items(x.Length), x, column, y, c);
}

/// <summary>sumsᵣ += Σᵢ xᵢ over row r of C. A group a row.</summary>
internal sealed class SumColumns(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> sums, int C)
    {
        long row = (long)Grid.IdxX * C;
        float sum = 0f;
        for (int i = Group.IdxX; i < C; i += Group.DimX) sum += x[row + i];
        sum = GroupSum.Of(sum);
        if (Group.IdxX == 0) sums[Grid.IdxX] += sum;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> sums, int rows, int c) => kernel(Launch.Rows(rows, c), x, sums, c);
}
