using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// A policy at N states: hidden rows (N, C) and a head, in place of logits (N, V). What is asked of it, log-probabilities, divergences,
/// values, samples, is computed for a chunk of rows at a time, and the chunk's logits are computed again in the backward pass, so that no
/// more than a chunk's logits exist. Where all rows are one chunk (<see cref="Device.RowsOfLogits"/>) the logits are kept instead. The
/// chunk changes no bit: neither of a row's result, nor of a gradient.
/// </summary>
public abstract class PolicyRows
{
    private Tensor? whole;

    private protected PolicyRows(Tape tape, int count, int vocabulary) => (Tape, Count, Vocabulary) = (tape, count, vocabulary);

    /// <summary>N, the states.</summary>
    public int Count { get; }

    /// <summary>V, the tokens of each.</summary>
    public int Vocabulary { get; }

    private protected Tape Tape { get; }

    private int ChunkRows => Tape.Device.RowsOfLogits(Vocabulary);

    /// <summary>The policies of a model at some hidden rows, (N, C), that are normalised.</summary>
    internal static PolicyRows Of(Tensor hidden, Tensor head) => new ModelRows(hidden, head);

    /// <summary>
    /// The same rows as constants of another step; the step that they were computed in must not be over before that one is.
    /// </summary>
    public PolicyRows On(Tape tape)
    {
        if (tape == Tape) return this;
        PolicyRows there = Moved(tape);
        if (whole is { } logits) there.whole = tape.Wrap(logits.Storage, logits.Shape, needsGrad: false);
        return there;
    }

    /// <summary>The same policy at another temperature: logits times a factor. A constant.</summary>
    public PolicyRows Scaled(float factor) => factor == 1 ? this : new CombinedRows([this], parts => parts[0].Scale(factor));

    /// <summary>π ∝ exp(log π_a + α (log π_a − log π_b)): logits (1 + α) Q_a − α Q_b, as the log-sums cancel. A constant.</summary>
    public static PolicyRows Extrapolated(PolicyRows a, PolicyRows b, float alpha) =>
        new CombinedRows([a, b], parts => parts[0].Scale(1 + alpha) - parts[1].Scale(alpha));

    /// <summary>log (1/K) Σ_k π_k of several policies, state by state. One policy is itself; the mean is a constant.</summary>
    public static PolicyRows Mean(IReadOnlyList<PolicyRows> policies) =>
        policies.Count == 1 ? policies[0] : new CombinedRows(policies, parts =>
    {
        // log (1/K) Σ_k e^{l_k}, l_k = Q_k − V_k = log π_k, two at a time: a token that is improbable under all keeps its digits
        Tensor sum = LogPolicy(parts[0]);
        for (int k = 1; k < parts.Length; k++) sum = sum.Zip<Kernels.Pointwise.LogAddExp>(LogPolicy(parts[k]), "LogAddExp");
        return sum - MathF.Log(parts.Length);

        static Tensor LogPolicy(Tensor logits) => logits.AddColumn(-logits.LogSumExp());
    });

    /// <summary>log π(idᵢ|sᵢ), (N).</summary>
    public Tensor LogProb(TokenIds ids) => Measure(RowMeasure.LogProb(ids))[0];

    /// <summary>Q(sᵢ, idᵢ), (N).</summary>
    public Tensor Q(TokenIds ids) => Measure(RowMeasure.Q(ids))[0];

    /// <summary>V(s) = log Σ_a exp Q(s, a), (N).</summary>
    public Tensor LogSumExp() => Measure(RowMeasure.Value)[0];

    /// <summary>The entropy of each state's policy, in nats, (N).</summary>
    public Tensor Entropy() => Measure(RowMeasure.Entropy)[0];

    /// <summary>The exact divergence from another policy, a constant, at each state, in nats, (N).</summary>
    public Tensor Kl(PolicyRows reference) => Measure(RowMeasure.Kl(reference))[0];

    /// <summary>The logits of all states, (N, V): all at once, for whoever has the memory.</summary>
    public Tensor Logits() => whole ?? All();

    /// <summary>Several measures of each row, (N) each, from one pass over the chunks.</summary>
    public Tensor[] Measure(params ReadOnlySpan<RowMeasure> measures)
    {
        var results = new Tensor[measures.Length];
        foreach (ref readonly RowMeasure measure in measures)
        {
            if (measure.Other is { } other && (other.Count != Count || other.Vocabulary != Vocabulary))
                throw new ArgumentException($"PolicyRows: {Count} rows of {Vocabulary} logits cannot be compared with {other.Count} rows "
                    + $"of {other.Vocabulary}.");
        }

        if (whole is { } logits)
        {
            for (int i = 0; i < results.Length; i++) results[i] = measures[i].Of(logits, 0);
            return results;
        }

        for (int i = 0; i < results.Length; i++) results[i] = Tape.New(new Shape(Count), NeedsGrad);
        RowMeasure[] asked = [.. measures];
        Chunks((first, chunk) =>
        {
            for (int i = 0; i < results.Length; i++)
            {
                Arena.Mark mark = Tape.Arena.Here;
                Tape.Backend.Copy(asked[i].Of(chunk, first).Storage, results[i].Storage.Slice(first, chunk.Shape.Rows));
                Tape.Arena.Release(mark);
            }
        });
        for (int i = 0; i < results.Length; i++) Recorded(asked[i], results[i]);
        return results;
    }

    /// <summary>
    /// Hands over the logits chunk by chunk, with the number of the chunk's first row, as constants. A chunk is gone when the next one
    /// comes.
    /// </summary>
    public void Chunks(Action<int, Tensor> visit)
    {
        using IDisposable paused = Tape.Pause();
        for (int first = 0; first < Count; first += ChunkRows)
        {
            Arena.Mark mark = Tape.Arena.Here;
            visit(first, Part(first, Math.Min(ChunkRows, Count - first)));
            Tape.Arena.Release(mark);
        }
    }

    // Draws one token a row; ids, then log-probabilities of the untruncated policy, lie in `both`, 2 N elements.
    internal void Sample(Tensor uniforms, Storage both, SamplingOptions options) => Chunks((first, logits) =>
    {
        int n = logits.Shape.Rows;
        Tape.Backend.Sample(
            logits.Storage, uniforms.Storage.Slice(first, n), both.Slice(first, n), both.Slice(Count + first, n), n, Vocabulary,
            options.Temperature, options.TopK,
            options.TopP);
    });

    // The logits of some rows, as constants.
    internal Tensor Part(int first, int rows)
    {
        if (whole is { } logits)
        {
            return Tape.Wrap(logits.Storage.Slice(first * Vocabulary, rows * Vocabulary), new Shape(rows, Vocabulary), needsGrad: false);
        }
        using IDisposable paused = Tape.Pause();
        return Compute(first, rows);
    }

    private protected virtual bool NeedsGrad => false;

    private protected abstract Tensor Compute(int first, int rows);

    private protected abstract PolicyRows Moved(Tape tape);

    private protected virtual Tensor All() => Part(0, Count);

    private protected virtual void Recorded(RowMeasure measure, Tensor result)
    {
    }

    // All that a step keeps is one chunk.
    private protected void KeepIfOneChunk(Func<Tensor> logits)
    {
        if (!Tape.KeepsLogits || Count > ChunkRows - Tape.KeptLogitRows) return;
        Tape.KeptLogitRows += Count;
        whole = logits();
    }

    private sealed class CombinedRows : PolicyRows
    {
        private readonly IReadOnlyList<PolicyRows> parts;
        private readonly Func<Tensor[], Tensor> combine;

        public CombinedRows(IReadOnlyList<PolicyRows> parts, Func<Tensor[], Tensor> combine, bool keep = true)
            : base(parts[0].Tape, parts[0].Count, parts[0].Vocabulary)
        {
            (this.parts, this.combine) = (parts, combine);
            if (keep) KeepIfOneChunk(() => Part(0, Count));
        }

        private protected override PolicyRows Moved(Tape tape) =>
            new CombinedRows([.. parts.Select(p => p.On(tape))], combine, keep: false);

        private protected override Tensor Compute(int first, int rows) => combine([.. parts.Select(p => p.Part(first, rows))]);
    }

    private sealed class ModelRows : PolicyRows
    {
        private readonly Tensor hidden;
        private readonly Tensor head;
        private readonly bool needsGrad;
        private readonly Tensor reached; // has a gradient as soon as some measure has one
        private readonly List<(RowMeasure Measure, Storage Gradient)> pending = [];

        public ModelRows(Tensor hidden, Tensor head, bool constant = false)
            : base(Tape.Of("PolicyRows", hidden, head), hidden.Shape.Rows, head.Shape[0])
        {
            (this.hidden, this.head) = (hidden, head);
            if (constant) return;
            KeepIfOneChunk(() => hidden.Head(head));
            needsGrad = whole is null && Tape.Recording && (hidden.NeedsGrad || head.NeedsGrad);
            if (!needsGrad) return;

            // Recorded before all measures, so that it runs after them: the logits' gradient of all is one sum, as where the logits are
            // kept.
            reached = Tape.New(new Shape(1), needsGrad: true);
            Tape.Record(new RowsBackward(this));
        }

        private protected override bool NeedsGrad => needsGrad;

        private protected override Tensor All() => needsGrad ? hidden.Head(head) : base.All();

        private protected override PolicyRows Moved(Tape tape) =>
            new ModelRows(tape.Wrap(hidden.Storage, hidden.Shape, needsGrad: false), head, constant: true);

        private protected override Tensor Compute(int first, int rows)
        {
            Tensor logits = Tape.New(new Shape(rows, Vocabulary), needsGrad: false);
            int c = hidden.Shape.Last;
            Tape.Backend.MatMul(Kernels.Cpu.GemmForm.NT, hidden.Storage.Slice(first * c, rows * c), head.Storage, logits.Storage, rows,
                Vocabulary, c, accumulate: false);
            return logits;
        }

        private protected override void Recorded(RowMeasure measure, Tensor result) =>
            Tape.Record(new MeasureBackward(this, measure, result));

        // dhidden += dlogits · w and dw += dlogitsᵀ · hidden, chunk by chunk, dlogits being the sum over the measures.
        private void Backward(IBackend backend)
        {
            bool add = false;
            int c = hidden.Shape.Last, step = ChunkRows;
            Storage dx = hidden.NeedsGrad ? hidden.TakeGradStorage(out add) : default, dw = head.GradStorage;
            for (int first = 0; first < Count; first += step)
            {
                int rows = Math.Min(step, Count - first);
                Arena.Mark mark = Tape.Arena.Here;
                Tape.Frame chunk = Tape.OpenFrame();
                Tensor logits = Tape.Wrap(Part(first, rows).Storage, new Shape(rows, Vocabulary), needsGrad: true);
                Storage dy = logits.GradStorage;
                foreach ((RowMeasure measure, Storage gradient) in pending)
                {
                    Arena.Mark inner = Tape.Arena.Here;
                    Tape.Frame frame = Tape.OpenFrame();
                    backend.Copy(gradient.Slice(first, rows), measure.Of(logits, first).TakeGradStorage(out _));
                    Tape.BackwardTo(frame);
                    Tape.CloseFrame(frame);
                    Tape.Arena.Release(inner);
                }

                Storage dxs = dx.IsNone ? default : dx.Slice(first * c, rows * c);
                HeadOps.Gradients(backend, hidden.Storage.Slice(first * c, rows * c), head.Storage, dy, dxs, add, dw, rows, Vocabulary, c);
                Tape.CloseFrame(chunk);
                Tape.Arena.Release(mark);
            }

            pending.Clear();
        }

        private readonly struct MeasureBackward(ModelRows rows, RowMeasure measure, Tensor result) : IBackward
        {
            public Tensor Output => result;

            public void Run(IBackend backend)
            {
                rows.pending.Add((measure, result.GradStorage));
                _ = rows.reached.GradStorage;
            }
        }

        private readonly struct RowsBackward(ModelRows rows) : IBackward
        {
            public Tensor Output => rows.reached;

            public void Run(IBackend backend) => rows.Backward(backend);
        }
    }
}
