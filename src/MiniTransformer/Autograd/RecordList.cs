namespace MiniTransformer.Autograd;

/// <summary>
/// The records of one kind of op on a tape, as structs in a list that is kept from step to step: nothing is boxed, and nothing is
/// allocated once the list is long enough.
/// </summary>
internal abstract class RecordList
{
    /// <summary>Runs a record's backward half, if a gradient reached its output.</summary>
    public abstract void Run(int at, Tape tape);

    /// <summary>The index of a record's output on the tape.</summary>
    public abstract int OutputOf(int at);

    public abstract void RemoveLast();
}

/// <inheritdoc/>
internal sealed class RecordList<TBackward> : RecordList
    where TBackward : struct, IBackward
{
    private readonly List<TBackward> records = [];

    public int Add(in TBackward record)
    {
        records.Add(record);
        return records.Count - 1;
    }

    public override void Run(int at, Tape tape)
    {
        TBackward record = records[at];
        if (tape.HasGradient(record.Output.Index)) record.Run(tape.Backend);
    }

    public override int OutputOf(int at) => records[at].Output.Index;

    public override void RemoveLast() => records.RemoveAt(records.Count - 1);
}
