using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// Rotation tables of one base, cos and sin of p·fᵢ with the frequencies fᵢ = θ^(−2i/D), stretched or not, for the positions that were
/// in use so far: a model may allow 10⁸ positions, and memory is taken for those that come. They are constants, not parameters of the
/// model: neither trained nor saved.
/// </summary>
internal sealed class RotationTables(Device device, int mostPositions, float[] frequencies) : IDisposable
{
    private const int FewestPositions = 64;

    // All tables so far: a step that began with a smaller one still reads it. Each is twice the one before, so that all together are
    // less than twice the last.
    private readonly List<(Parameter Cos, Parameter Sin)> tables = [];
    private readonly Lock growing = new();

    /// <summary>Tables of at least the given number of positions; the values of a position do not depend on it.</summary>
    public Rotation For(int positions)
    {
        lock (growing)
        {
            if (tables.Count == 0 || tables[^1].Cos.Shape[0] < positions) Grow(positions);
            return new Rotation(tables[^1].Cos, tables[^1].Sin);
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        foreach ((Parameter cos, Parameter sin) in tables)
        {
            cos.Dispose();
            sin.Dispose();
        }
    }

    private void Grow(int positions)
    {
        if (positions > mostPositions)
            throw new ArgumentException($"Transformer: position {positions - 1} came; the model has {mostPositions} positions "
                + "(max_position_embeddings).");
        int rows = FewestPositions;
        while (rows < positions) rows = checked(2 * rows);
        rows = Math.Min(rows, mostPositions);
        var shape = new Shape(rows, frequencies.Length);
        (float[] cosines, float[] sines) = TensorOps.RopeTables(rows, frequencies);
        Parameter cos = new(device, "rope.cos", shape) { Trainable = false }, sin = new(device, "rope.sin", shape) { Trainable = false };
        cos.Set(cosines);
        sin.Set(sines);
        tables.Add((cos, sin));
    }
}
