using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends.Cpu;

/// <summary>Embedding, norm and position.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Embedding(Storage table, Storage ids, Storage y, int rows, int c)
    {
        if (table.Buffer is CpuMatrix matrix) matrix.Packed.Rows(workers, I(ids), P(y), rows, RowGrain(c));
        else workers.Run(new EmbeddingForward(P(table), I(ids), P(y), c), rows, RowGrain(c));
    }

    /// <inheritdoc/>
    public void EmbeddingBackward(Storage ids, Storage dy, Storage dtable, int rows, int c) =>
        workers.Run(new EmbeddingBackward(I(ids), rows, P(dy), P(dtable), c), Blocks(c, Kernels.Cpu.EmbeddingBackward.BlockSize));

    /// <inheritdoc/>
    public void RmsNorm(Storage x, Storage w, Storage y, Storage inverseRms, int rows, int c, float epsilon) =>
        workers.Run(new RmsNormForward(P(x), P(w), P(y), P(inverseRms), c, epsilon), rows, RowGrain(c));

    /// <inheritdoc/>
    public void RmsNormBackward(Storage x, Storage w, Storage inverseRms, Storage dy, Storage dx, Storage dw, int rows, int c)
    {
        if (!dx.IsNone) workers.Run(new RmsNormBackwardInput(P(x), P(w), P(inverseRms), P(dy), P(dx), c), rows, RowGrain(c));
        if (!dw.IsNone)
        {
            workers.Run(new RmsNormBackwardWeight(P(x), P(inverseRms), P(dy), P(dw), rows, c), Blocks(c, RmsNormBackwardWeight.BlockSize));
        }
    }

    /// <inheritdoc/>
    public void AddRow(Storage x, Storage row, Storage y, int rows, int c) =>
        workers.Run(new AddRow(P(x), P(row), P(y), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void SumRows(Storage x, Storage sums, int rows, int c) =>
        workers.Run(new SumRows(P(x), P(sums), rows, c), Blocks(c, Kernels.Cpu.SumRows.BlockSize));

    /// <inheritdoc/>
    public void AddColumn(Storage x, Storage column, Storage y, int rows, int c) =>
        workers.Run(new AddColumn(P(x), P(column), P(y), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void SumColumns(Storage x, Storage sums, int rows, int c) => workers.Run(new SumColumns(P(x), P(sums), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void Softmax(Storage x, Storage y, int rows, int c) => workers.Run(new SoftmaxForward(P(x), P(y), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void SoftmaxBackward(Storage y, Storage dy, Storage dx, int rows, int c) =>
        workers.Run(new SoftmaxBackward(P(y), P(dy), P(dx), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void Centre(Storage x, Storage y, int rows, int c, bool accumulate) =>
        workers.Run(new Centre(P(x), P(y), c, accumulate), rows, RowGrain(c));

    /// <inheritdoc/>
    public void Rope(Storage x, Storage positions, Storage cos, Storage sin, Storage y, int rows, int h, int d, float sign,
        bool accumulate) =>
        workers.Run(new Rope(P(x), I(positions), P(cos), P(sin), P(y), h, d, sign, accumulate), rows, RowGrain(h * d));
}
