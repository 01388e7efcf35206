using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

/// <summary>The backward half of an op: what it saved, and the formula that adds to the gradients of its inputs.</summary>
/// <remarks>
/// An op is a function that computes its result, and a struct that holds what the formula of its gradient needs. y = x² · α, from outside the library:
/// <code>
/// static Tensor ScaledSquare(this Tensor x, float alpha)
/// {
///     Tape tape = Tape.Of("ScaledSquare", x);
///     Tensor y = tape.New(x.Shape, x);                          // takes a gradient if x does
///     tape.Backend.Map&lt;Square&gt;(x.Storage, y.Storage);           // verbs run on every device
///     tape.Backend.Scale(y.Storage, alpha, y.Storage);
///     tape.Record(new ScaledSquareBackward(x, y, alpha));
///     return y;
/// }
///
/// readonly struct ScaledSquareBackward(Tensor x, Tensor y, float alpha) : IBackward
/// {
///     public Tensor Output =&gt; y;
///
///     // dx += 2 α x dy
///     public void Run(IBackend backend)
///     {
///         Tape tape = Tape.Of("ScaledSquare", y);
///         Storage product = tape.Scratch(x.Shape.Count);
///         backend.Zip&lt;Multiply&gt;(x.Storage, y.GradStorage, product);
///         backend.AddScaled(product, 2 * alpha, x.GradStorage);
///     }
/// }
/// </code>
/// A gradient may be reached several times and so is added to, never overwritten. An operand without a gradient has
/// <see cref="Tensor.NeedsGrad"/> false and <see cref="Tensor.GradStorage"/> none. <see cref="GradientCheck"/> compares the two halves.
/// </remarks>
public interface IBackward
{
    /// <summary>The op's result. If no gradient reached it, the op is skipped.</summary>
    Tensor Output { get; }

    /// <summary>Reads the result's gradient and adds to those of the inputs.</summary>
    void Run(IBackend backend);
}

/// <summary>
/// The record of one step, and that step's memory. Ops are recorded in the order they ran, which is topological, so Backward
/// is a loop in reverse. Disposing the tape ends the step: its tensors are gone, its memory serves the next one.
/// <code>
/// using Tape tape = Tape.Record(device);
/// Tensor loss = ...;
/// tape.Backward(loss);
/// </code>
/// Once warm, a step allocates nothing: the memory is an arena, and the records are structs in lists that are kept.
/// </summary>
public sealed class Tape : TensorOwner, IDisposable
{
    private readonly Dictionary<Type, RecordList> lists = [];
    private readonly List<(RecordList List, int At)> order = [];
    private readonly List<Storage> gradients = [];
    private readonly PauseEnd end;
    private int[] positions = [];
    private int generation;
    private int paused;
    private bool recording;
    private bool open;
    private bool ranBackward;

    private Tape(Device device)
    {
        Device = device;
        Arena = new Arena(device.Backend);
        end = new PauseEnd(this);
    }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>False within <see cref="Pause"/> and on a tape made by <see cref="NoGrad"/>.</summary>
    public bool Recording => recording && paused == 0;

    /// <summary>The largest number of elements, of 4 bytes, that a step of this tape has needed at once: activations and their gradients.</summary>
    public long PeakElements => Arena.Peak;

    internal Arena Arena { get; }

    /// <summary>Rows of logits over the vocabulary that the step keeps.</summary>
    internal int KeptLogitRows { get; set; }

    /// <summary>The verbs of the step's device.</summary>
    public IBackend Backend => Device.Backend;

    /// <summary>Starts a step whose ops are recorded for <see cref="Backward"/>.</summary>
    public static Tape Record(Device device) => Open(device, recording: true);

    /// <summary>Starts a step without recording: the memory only.</summary>
    public static Tape NoGrad(Device device) => Open(device, recording: false);

    /// <summary>The tape that an op's operands are on: parameters are on none, and <c>default</c> stands for no operand.</summary>
    /// <exception cref="InvalidOperationException">No operand is on a tape, or two are on different ones.</exception>
    public static Tape Of(string op, in Tensor a, in Tensor b = default, in Tensor c = default)
    {
        Tape? tape = Pick(op, Pick(op, a.Owner as Tape, b.Owner as Tape), c.Owner as Tape);
        return tape ?? throw new InvalidOperationException($"{op}: no operand belongs to a step. Start one with Tape.Record(device) and put values on it with tape.Constant(...).");
    }

    /// <summary>The tape that token ids are on.</summary>
    public static Tape Of(string op, in TokenIds ids) =>
        ids.Owner as Tape ?? throw new InvalidOperationException($"{op}: the ids belong to no step. Put them on it with tape.Ids(...).");

    /// <summary>Numbers as a tensor of this step; no gradient flows to it.</summary>
    public Tensor Constant(ReadOnlySpan<float> values, Shape shape)
    {
        if (values.Length != shape.Count) throw new ArgumentException($"Constant: shape {shape} needs {shape.Count} values, not {values.Length}.");
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
        if (values.Length != shape.Count) throw new ArgumentException($"Variable: shape {shape} needs {shape.Count} values, not {values.Length}.");
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
    /// <param name="starts">Where each sequence begins, and N: B + 1 numbers. The tape keeps them: they must not change during the step.</param>
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
            : throw new ArgumentException($"Starts: ({string.Join(", ", starts)}) came for {rows} rows; B + 1 numbers that do not fall are needed, from 0 to {rows}.");
    }

    /// <summary>
    /// Computes the gradient of a loss, a tensor of one element, and adds it to every parameter and variable that the loss depends on.
    /// May be called again, for the same loss or another: gradients add up.
    /// </summary>
    public void Backward(in Tensor loss)
    {
        CheckOpen();
        if (loss.Shape.Count != 1) throw new ArgumentException($"Backward: the loss must be one number, not a tensor of shape {loss.Shape}. Sum it first.");
        if (!loss.NeedsGrad || loss.Owner != this)
            throw new ArgumentException("Backward: the loss does not depend on any trainable parameter of this step; nothing would be learned.");

        // The gradients of ops' results are those of one loss; a second one starts them from nothing.
        if (ranBackward) foreach ((RecordList list, int at) in order) gradients[list.OutputOf(at)] = default;
        ranBackward = true;
        Backend.Fill(loss.GradStorage, 1);
        BackwardTo(default);
    }

    /// <summary>While the returned value is not disposed, ops are not recorded: for frozen models within a step.</summary>
    public IDisposable Pause()
    {
        paused++;
        return end;
    }

    /// <summary>
    /// For whoever writes an op: an uninitialised tensor for its result. A gradient flows back to it if one flows back to one of the inputs
    /// that it is computed from, and the tape is recording.
    /// </summary>
    /// <param name="shape">The result's extents.</param>
    /// <param name="inputs">The op's operands.</param>
    public Tensor New(Shape shape, params ReadOnlySpan<Tensor> inputs)
    {
        bool needsGrad = false;
        foreach (ref readonly Tensor input in inputs) needsGrad |= input.NeedsGrad;
        return New(shape, needsGrad);
    }

    /// <summary>For whoever writes an op: uninitialised memory of the step, for what the backward half needs again.</summary>
    /// <param name="length">Elements.</param>
    public Storage Scratch(int length)
    {
        CheckOpen();
        return Arena.Take(length);
    }

    /// <summary>
    /// For whoever writes an op: keeps its backward half, which <see cref="Backward"/> runs when a gradient has reached the op's result.
    /// Nothing is kept where the result takes no gradient.
    /// </summary>
    /// <param name="backward">What the op saved, as a struct; no memory is allocated for it once a step of its kind has run.</param>
    /// <exception cref="ArgumentException">The op's result is a tensor of another step, or a parameter.</exception>
    public void Record<TBackward>(in TBackward backward)
        where TBackward : struct, IBackward
    {
        Tensor output = backward.Output;
        if (!output.NeedsGrad) return;
        if (output.Owner != this) throw new ArgumentException($"Record: the Output of {typeof(TBackward).Name} is not of this step; make it with tape.New(...).");
        CheckOpen();
        if (!lists.TryGetValue(typeof(TBackward), out RecordList? list)) lists.Add(typeof(TBackward), list = new RecordList<TBackward>());
        order.Add((list, ((RecordList<TBackward>)list).Add(backward)));
    }

    /// <summary>Ends the step: its tensors are gone, its memory serves the next.</summary>
    public void Dispose()
    {
        if (!open) return;
        generation++;
        CloseFrame(default);
        paused = 0;
        ranBackward = false;
        KeptLogitRows = 0;
        Arena.Reset();
        Volatile.Write(ref open, false); // last: from here on another step may take this tape
    }

    internal Tensor New(Shape shape, bool needsGrad)
    {
        CheckOpen();
        Device.Stop.ThrowIfCancellationRequested();
        return Wrap(Arena.Take(shape.Count), shape, needsGrad);
    }

    /// <summary>A tensor over storage that already holds its values: the result of a reshape.</summary>
    internal Tensor Wrap(Storage storage, Shape shape, bool needsGrad)
    {
        needsGrad &= Recording;
        int index = -1;
        if (needsGrad)
        {
            index = gradients.Count;
            gradients.Add(default);
        }

        return new Tensor(this, index, generation, storage, shape, needsGrad);
    }

    /// <summary>How far the record reaches: a place to run back to, and to forget everything after.</summary>
    internal readonly record struct Frame(int Records, int Gradients);

    /// <summary>The current end of the record.</summary>
    internal Frame OpenFrame() => new(order.Count, gradients.Count);

    /// <summary>Runs the records backward, from the last to the frame's beginning.</summary>
    internal void BackwardTo(Frame frame)
    {
        for (int i = order.Count - 1; i >= frame.Records; i--)
        {
            Device.Stop.ThrowIfCancellationRequested();
            order[i].List.Run(order[i].At, this);
        }
    }

    /// <summary>Forgets the frame's records and gradients.</summary>
    internal void CloseFrame(Frame frame)
    {
        for (int i = order.Count - 1; i >= frame.Records; i--) order[i].List.RemoveLast();
        order.RemoveRange(frame.Records, order.Count - frame.Records);
        gradients.RemoveRange(frame.Gradients, gradients.Count - frame.Gradients);
    }

    internal bool HasGradient(int index) => !gradients[index].IsNone;

    internal override bool IsLive(int tensorGeneration) => tensorGeneration == generation;

    internal override Storage Gradient(int index, int length)
    {
        Storage gradient = Gradient(index, length, out bool accumulate);
        if (!accumulate) Backend.Fill(gradient, 0);
        return gradient;
    }

    internal override Storage Gradient(int index, int length, out bool accumulate)
    {
        Storage gradient = gradients[index];
        accumulate = !gradient.IsNone;
        if (!accumulate) gradients[index] = gradient = Arena.Take(length);
        return gradient;
    }

    private static Tape? Pick(string op, Tape? a, Tape? b)
    {
        if (a is not null && b is not null && a != b) throw new InvalidOperationException($"{op}: the operands belong to two different steps.");
        return a ?? b;
    }

    private static Tape Open(Device device, bool recording)
    {
        Tape tape;
        lock (device.Attached)
        {
            if (!device.Attached.TryGetValue(typeof(TapePool), out IDisposable? pool)) device.Attached.Add(typeof(TapePool), pool = new TapePool());
            tape = ((TapePool)pool).Take(device);
        }

        tape.recording = recording;
        return tape;
    }

    private void CheckOpen()
    {
        if (!open) throw new ObjectDisposedException(nameof(Tape), "This step is over; start another with Tape.Record(device).");
    }

    // The end of a pause: one object for all, so that a pause allocates nothing.
    private sealed class PauseEnd(Tape tape) : IDisposable
    {
        public void Dispose() => tape.paused = Math.Max(0, tape.paused - 1);
    }

    // The tapes of a device, used again from step to step.
    private sealed class TapePool : IDisposable
    {
        private readonly List<Tape> tapes = [];

        public Tape Take(Device device)
        {
            foreach (Tape candidate in tapes)
            {
                if (candidate.open) continue;
                candidate.open = true;
                return candidate;
            }

            var tape = new Tape(device) { open = true };
            tapes.Add(tape);
            return tape;
        }

        public void Dispose()
        {
            foreach (Tape tape in tapes) tape.Arena.Dispose();
        }
    }
}
