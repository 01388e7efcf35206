using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

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
public sealed partial class Tape : TensorOwner, IDisposable
{
    private readonly Dictionary<Type, RecordList> lists = [];
    private readonly List<(RecordList List, int At)> order = [];
    private readonly List<Storage> gradients = [];
    private readonly PauseEnd end;
    private int generation;
    private int paused;
    private bool recording;
    private bool open;
    private bool ranBackward;

    private Tape(Device device)
    {
        Device = device;
        Arena = new Arena(device.Backend, device.Took);
        end = new PauseEnd(this);
    }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>False within <see cref="Pause"/> and on a tape made by <see cref="NoGrad"/>.</summary>
    public bool Recording => recording && paused == 0;

    /// <summary>
    /// The largest number of elements, of 4 bytes, that a step of this tape has needed at once: activations and their gradients.
    /// </summary>
    public long PeakElements => Arena.Peak;

    internal Arena Arena { get; }

    /// <summary>
    /// Whether logits over the vocabulary are kept where they are one chunk (<see cref="Device.RowsOfLogits"/>), so that they need not be
    /// computed again for each measure. False spares their memory where many policies' rows wait on one tape.
    /// </summary>
    public bool KeepsLogits { get; set; } = true;

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
        return tape ?? throw new InvalidOperationException(
            $"{op}: no operand belongs to a step. Start one with Tape.Record(device) and put values on it with tape.Constant(...).");
    }

    /// <summary>The tape that token ids are on.</summary>
    public static Tape Of(string op, in TokenIds ids) =>
        ids.Owner as Tape ?? throw new InvalidOperationException($"{op}: the ids belong to no step. Put them on it with tape.Ids(...).");

    /// <summary>
    /// Computes the gradient of a loss, a tensor of one element, and adds it to every parameter and variable that the loss depends on.
    /// May be called again, for the same loss or another: gradients add up.
    /// </summary>
    public void Backward(in Tensor loss)
    {
        CheckOpen();
        if (loss.Shape.Count != 1)
            throw new ArgumentException($"Backward: the loss must be one number, not a tensor of shape {loss.Shape}. Sum it first.");
        if (!loss.NeedsGrad || loss.Owner != this)
            throw new ArgumentException(
                "Backward: the loss does not depend on any trainable parameter of this step; nothing would be learned.");

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
    /// For whoever writes an op: an uninitialised tensor for its result. A gradient flows back to it if one flows back to one of the
    /// inputs that it is computed from, and the tape is recording.
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
        if (output.Owner != this)
            throw new ArgumentException(
                $"Record: the Output of {typeof(TBackward).Name} is not of this step; make it with tape.New(...).");
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
        KeepsLogits = true;
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
        if (a is not null && b is not null && a != b)
            throw new InvalidOperationException($"{op}: the operands belong to two different steps.");
        return a ?? b;
    }

    private static Tape Open(Device device, bool recording)
    {
        Tape tape;
        lock (device.Attached)
        {
            if (!device.Attached.TryGetValue(typeof(TapePool), out IDisposable? pool))
                device.Attached.Add(typeof(TapePool), pool = new TapePool());
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
