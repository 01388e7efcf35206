using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Embedding, norm and position.</summary>
internal sealed partial class GpuBackend
{
    /// <inheritdoc/>
    public void Embedding(Storage table, Storage ids, Storage y, int rows, int c)
    {
        using GpuMachine.Turn turn = machine.Enter();
        switch (table.Type)
        {
            case ElementType.BF16: Kernel(static a => new EmbeddingForward<BFloat16>(a)).Run(Words(table), I(ids), F(y), rows, c); break;
            case ElementType.F16: Kernel(static a => new EmbeddingForward<Float16>(a)).Run(Words(table), I(ids), F(y), rows, c); break;
            default: Kernel(static a => new EmbeddingForward<Float32>(a)).Run(F(table), I(ids), F(y), rows, c); break;
        }
    }

    /// <inheritdoc/>
    public void EmbeddingBackward(Storage ids, Storage dy, Storage dtable, int rows, int c)
    {
        using GpuMachine.Turn turn = machine.Enter();
        var links = machine.Scratch(2L * rows).Cast<int>();
        Kernel(static a => new EmbeddingBackward(a)).Run(I(ids), links, F(dy), F(dtable), rows, c);
    }

    /// <inheritdoc/>
    public void RmsNorm(Storage x, Storage w, Storage y, Storage inverseRms, int rows, int c, float epsilon)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new RmsNormForward(a)).Run(F(x), F(w), F(y), F(inverseRms), rows, c, epsilon);
    }

    /// <inheritdoc/>
    public void RmsNormBackward(Storage x, Storage w, Storage inverseRms, Storage dy, Storage dx, Storage dw, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        if (!dx.IsNone) Kernel(static a => new RmsNormBackwardInput(a)).Run(F(x), F(w), F(inverseRms), F(dy), F(dx), rows, c);
        if (dw.IsNone) return;
        var scratch = machine.Scratch(RmsNormBackwardWeight.ScratchLength(rows, c));
        Kernel(static a => new RmsNormBackwardWeight(a)).Run(F(x), F(inverseRms), F(dy), scratch, F(dw), rows, c);
    }

    /// <inheritdoc/>
    public void AddRow(Storage x, Storage row, Storage y, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new AddRow(a)).Run(F(x), F(row), F(y), c);
    }

    /// <inheritdoc/>
    public void SumRows(Storage x, Storage sums, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        var scratch = machine.Scratch(Kernels.Gpu.SumRows.ScratchLength(rows, c));
        Kernel(static a => new SumRows(a)).Run(F(x), scratch, F(sums), rows, c);
    }

    /// <inheritdoc/>
    public void AddColumn(Storage x, Storage column, Storage y, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new AddColumn(a)).Run(F(x), F(column), F(y), c);
    }

    /// <inheritdoc/>
    public void SumColumns(Storage x, Storage sums, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new SumColumns(a)).Run(F(x), F(sums), rows, c);
    }

    /// <inheritdoc/>
    public void Softmax(Storage x, Storage y, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new SoftmaxForward(a)).Run(F(x), F(y), rows, c);
    }

    /// <inheritdoc/>
    public void SoftmaxBackward(Storage y, Storage dy, Storage dx, int rows, int c)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new SoftmaxBackward(a)).Run(F(y), F(dy), F(dx), rows, c);
    }

    /// <inheritdoc/>
    public void Centre(Storage x, Storage y, int rows, int c, bool accumulate)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Centre(a)).Run(F(x), F(y), rows, c, accumulate);
    }

    /// <inheritdoc/>
    public void Rope(Storage x, Storage positions, Storage cos, Storage sin, Storage y, int rows, int h, int d, float sign, bool accumulate)
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Rope(a)).Run(F(x), I(positions), F(cos), F(sin), F(y), new RopeSize(rows, h, d, sign, accumulate ? 1 : 0));
    }
}
