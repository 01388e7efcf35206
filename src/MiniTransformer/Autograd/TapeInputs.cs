using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

// What is put on a tape: numbers, ids, sequences of tokens.
public sealed partial class Tape
{
    private int[] positions = [];

    /// <summary>Numbers as a tensor of this step; no gradient flows to it.</summary>
    public Tensor Constant(ReadOnlySpan<float> values, Shape shape)
    {
        if (values.Length != shape.Count)
            throw new ArgumentException($"Constant: shape {shape} needs {shape.Count} values, not {values.Length}.");
        Tensor tensor = New(shape, needsGrad: false);
        Backend.Upload(values, tensor.Storage);
        return tensor;
    }

    /// <summary>A tensor of this step whose elements are all one number; no gradient flows to it.</summary>
    public Tensor Constant(float value, Shape shape)
    {
        Tensor tensor = New(shape);
        Backend.Fill(tensor.Storage, value);
        return tensor;
    }

    /// <summary>Numbers as a tensor of this step whose gradient is wanted: an input to differentiate by.</summary>
    public Tensor Variable(ReadOnlySpan<float> values, Shape shape)
    {
        if (values.Length != shape.Count)
            throw new ArgumentException($"Variable: shape {shape} needs {shape.Count} values, not {values.Length}.");
        Tensor tensor = New(shape, needsGrad: true);
        Backend.Upload(values, tensor.Storage);
        return tensor;
    }

    /// <summary>Token ids, or row numbers, of this step.</summary>
    public TokenIds Ids(ReadOnlySpan<int> ids, Shape shape)
    {
        if (ids.Length != shape.Count) throw new ArgumentException($"Ids: shape {shape} needs {shape.Count} ids, not {ids.Length}.");
        CheckOpen();
        Storage storage = Arena.Take(shape.Count);
        Backend.Upload(ids, storage);
        int smallest = int.MaxValue, largest = int.MinValue;
        foreach (int id in ids) (smallest, largest) = (Math.Min(smallest, id), Math.Max(largest, id));
        return new TokenIds(this, generation, storage, shape, smallest, largest);
    }

    /// <summary>The tokens of sequences that lie one after another, with their positions 0, 1, … in each.</summary>
    /// <param name="ids">The tokens of all, (N).</param>
    /// <param name="starts">Where each sequence begins, and N: B + 1 numbers. The tape keeps them: they must not change during the
    /// step.</param>
    public TokenRows Rows(ReadOnlySpan<int> ids, int[] starts)
    {
        int count = ids.Length;
        SequenceStarts begins = Starts(starts, count);
        if (positions.Length < count) positions = new int[count];
        for (int b = 0; b < begins.Count; b++)
        {
            for (int i = starts[b]; i < starts[b + 1]; i++) positions[i] = i - starts[b];
        }

        var rows = new Shape(count);
        return new TokenRows(Ids(ids, rows), Ids(positions.AsSpan(0, count), rows), begins);
    }

    /// <summary>The tokens of some sequences.</summary>
    public TokenRows Sequences(params IReadOnlyList<int[]> sequences)
    {
        int[] starts = new int[sequences.Count + 1];
        for (int b = 0; b < sequences.Count; b++) starts[b + 1] = checked(starts[b] + sequences[b].Length);
        return Rows([.. sequences.SelectMany(ids => ids)], starts);
    }

    /// <summary>Where the sequences of some rows begin.</summary>
    /// <param name="starts">B + 1 numbers that do not fall, from 0 to the number of rows. The tape keeps them.</param>
    /// <param name="rows">The number of rows.</param>
    public SequenceStarts Starts(int[] starts, int rows)
    {
        bool rises = starts.Length > 1 && starts[0] == 0 && starts[^1] == rows;
        for (int b = 1; b < starts.Length && rises; b++) rises = starts[b] >= starts[b - 1];
        return rises
            ? new SequenceStarts(Ids(starts, new Shape(starts.Length)), starts)
            : throw new ArgumentException(
                $"Starts: ({string.Join(", ", starts)}) came for {rows} rows; B + 1 numbers that do not fall are needed, from 0 to "
                    + $"{rows}.");
    }
}
