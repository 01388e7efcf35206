using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Nn;

/// <summary>How responses are drawn.</summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 1 samples from the policy itself, 0 takes the most probable token.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Keep only this many most probable tokens; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep only the smallest set of most probable tokens with at least this mass; 1 keeps all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>
    /// The longest response in tokens, the end token included. A prompt may leave less room in the model's positions, see
    /// <see cref="Sampler.Room"/>.
    /// </summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>
    /// The longest sequence, prompt and response, in positions as <see cref="Sampler.Room"/> counts them: fewer than the model's own, where
    /// others that have fewer are to score it.
    /// </summary>
    public int MaxPositions { get; init; } = int.MaxValue;

    /// <summary>Seed of the draws.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Number of the first prompt's random stream; prompt i draws from stream FirstStream + i.</summary>
    public ulong FirstStream { get; init; }

    /// <summary>
    /// Sequences that are decoded together, at most: when one is finished the next prompt takes its place. The responses do not depend on
    /// it.
    /// </summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>
    /// Memory of the keys and values, in bytes, that limits the sequences that are decoded together; 0 is half of the device's. The
    /// responses do not depend on it.
    /// </summary>
    public long CacheBytes { get; init; }

    /// <summary>
    /// Takes the prompts by length, in buckets of similar ones with caches of their own length, where prompts differ much and memory limits
    /// how many are decoded together. The responses do not depend on it.
    /// </summary>
    public bool ByLength { get; init; }

    /// <summary>Hears after every token how far the drawing is; null where nobody listens.</summary>
    public Action<SamplingProgress>? Progress { get; init; }

    /// <summary>Greedy decoding.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    internal void Validate()
    {
        if (!(Temperature >= 0) || float.IsInfinity(Temperature))
        {
            throw new ArgumentException($"Temperature must be 0 or more, not {Temperature}.");
        }
        if (TopK < 0) throw new ArgumentException($"TopK must be 0 (all) or more, not {TopK}.");
        if (!(TopP > 0 && TopP <= 1)) throw new ArgumentException($"TopP must be in (0, 1], not {TopP}.");
        if (MaxTokens < 1) throw new ArgumentException($"MaxTokens must be at least 1, not {MaxTokens}.");
        if (CacheBytes < 0) throw new ArgumentException($"CacheBytes must be 0 or more, not {CacheBytes}.");
        if (BatchSize < 1) throw new ArgumentException($"BatchSize must be at least 1, not {BatchSize}.");
    }
}

/// <summary>How far the drawing of responses is, or what is measured of them afterwards.</summary>
/// <param name="Finished">Responses that are finished.</param>
/// <param name="Responses">Responses in all.</param>
/// <param name="Tokens">Tokens that were drawn, or measured.</param>
/// <param name="Measured">Whether the responses are drawn already, and something is measured of them.</param>
public readonly record struct SamplingProgress(int Finished, int Responses, long Tokens, bool Measured = false);

/// <summary>A drawn response.</summary>
/// <param name="Ids">Its tokens, with the end token if it ended.</param>
/// <param name="LogProbs">log π(token) of each under the untruncated policy at temperature 1, in nats.</param>
/// <param name="Ended">True if an end token was drawn; false if it was cut off, at the longest length or where the model's positions are
/// full.</param>
public sealed record SampledResponse(int[] Ids, float[] LogProbs, bool Ended)
{
    /// <summary>
    /// True if it was cut off because the model's positions were full, before it had <see cref="SamplingOptions.MaxTokens"/> tokens.
    /// </summary>
    public bool ContextFull { get; init; }
}

/// <summary>
/// Draws responses with a key/value cache. The draw for token t of prompt i is a function of (seed, i, t) alone, and each response has the
/// room that its own prompt leaves: the same seed gives the same text whatever the other prompts, the batch size, the memory and the number
/// of threads.
/// </summary>
public static class Sampler
{
    /// <summary>
    /// The tokens that a response to a prompt can have: one position for each token of the sequence but the last, which nothing follows. A
    /// prompt of as many tokens as there are positions can have one; a longer one gets an empty response that has not ended.
    /// </summary>
    public static int Room(int promptLength, int positions) => Math.Max(0, positions - promptLength + 1);

    /// <summary>One response to each prompt.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="prompts">Token ids of each prompt, the begin token included.</param>
    /// <param name="ends">The tokens that end a response.</param>
    /// <param name="options">How to draw.</param>
    /// <param name="drawn">Is told each token as it is drawn, after the number of its prompt.</param>
    public static SampledResponse[] Generate(
        Transformer model, IReadOnlyList<int[]> prompts, EndTokens ends, SamplingOptions options, Action<int, int>? drawn = null) =>
        Generate(model, null, 0, prompts, ends, options, drawn);

    /// <summary>
    /// Extrapolated decoding: one response to each prompt from π ∝ exp(log π_a + α (log π_a − log π_b)), token by token. The log-sums
    /// cancel in the softmax, so that the logits are (1 + α) Q_a − α Q_b.
    /// </summary>
    public static SampledResponse[] Extrapolate(Transformer a, Transformer b, float alpha, IReadOnlyList<int[]> prompts, EndTokens ends,
        SamplingOptions options) =>
        Generate(a, b, alpha, prompts, ends, options);

    private static SampledResponse[] Generate(
        Transformer model, Transformer? other, float alpha, IReadOnlyList<int[]> prompts, EndTokens ends, SamplingOptions options,
        Action<int, int>? told = null)
    {
        options.Validate();
        int positions = Math.Min(options.MaxPositions, Math.Min(model.Config.MaxPositions, other?.Config.MaxPositions ?? int.MaxValue));
        var responses = new SampledResponse[prompts.Count];
        Array.Fill(responses, new SampledResponse([], [], Ended: false) { ContextFull = true });
        int[] answered = [.. Enumerable.Range(0, prompts.Count).Where(i => Room(prompts[i].Length, positions) > 0)];
        int finished = 0;
        long tokens = 0;
        foreach (int[] bucket in Buckets(answered, PositionsOf, options.ByLength))
        {
            using var drawing = new Drawing(model, other, alpha, (int)bucket.Max(PositionsOf), bucket.Length, ends, options, told);
            drawing.Run(bucket.Select(i => new Sequence(i, prompts[i], RoomOf(i))), done =>
            {
                finished++;
                responses[done.Place] = new SampledResponse([.. done.Tokens], [.. done.LogProbs], done.Ended)
                {
                    ContextFull = !done.Ended && done.Tokens.Count < options.MaxTokens,
                };
            }, drawn => options.Progress?.Invoke(new SamplingProgress(finished, answered.Length, tokens += drawn)));
        }

        return responses;

        int RoomOf(int i) => Math.Min(options.MaxTokens, Room(prompts[i].Length, positions));

        long PositionsOf(int i) => prompts[i].Length + (long)RoomOf(i) - 1;
    }

    // The prompts as they come, in one bucket; or by length, the longest first, in buckets whose caches are at most twice as long as their
    // shortest sequence needs.
    private static IEnumerable<int[]> Buckets(int[] prompts, Func<int, long> positionsOf, bool byLength)
    {
        if (!byLength && prompts.Length > 0) yield return prompts;
        if (!byLength) yield break;
        int[] sorted = [.. prompts.OrderByDescending(positionsOf)];
        for (int from = 0, to; from < sorted.Length; from = to)
        {
            for (to = from + 1; to < sorted.Length && 2 * positionsOf(sorted[to]) >= positionsOf(sorted[from]); to++) { }
            yield return sorted[from..to];
        }
    }

    // A sequence that grows; place: where its prompt stands among all, which names its random stream.
    private sealed class Sequence(int place, int[] prompt, int room)
    {
        public int Place => place;

        public int[] Prompt => prompt;

        public List<int> Tokens { get; } = [];

        public List<float> LogProbs { get; } = [];

        public bool Ended { get; set; }

        public bool Grows => !Ended && Tokens.Count < room;

        public int Slot { get; set; }

        // Of its last token.
        public int Position => prompt.Length + Tokens.Count - 1;
    }

    // Continuous decoding with a cache of some slots: whenever some are free, the next prompts begin in them.
    private sealed class Drawing : IDisposable
    {
        // Tokens of prompts that are computed together, so that their activations stay small beside the cache.
        private const int MostPromptTokens = 1024;

        private readonly Transformer model;
        private readonly Decoder decoder;
        private readonly Decoder? other;
        private readonly float alpha;
        private readonly int slots;
        private readonly EndTokens ends;
        private readonly SamplingOptions options;
        private readonly Action<int, int>? told;

        public Drawing(
            Transformer model, Transformer? other, float alpha, int context, int sequences, EndTokens ends, SamplingOptions options,
            Action<int, int>? told)
        {
            (this.model, this.alpha, this.ends, this.options, this.told) = (model, alpha, ends, options, told);

            // Fewer than asked for where the caches of so many would not fit.
            int most = KvCache.MostSlots(model.Device, model.Config, context, options.CacheBytes);
            if (other is not null) most = Math.Min(most, KvCache.MostSlots(other.Device, other.Config, context, options.CacheBytes)) / 2;
            slots = Math.Max(1, Math.Min(sequences, Math.Min(options.BatchSize, most)));
            decoder = new Decoder(model, slots, context);
            this.other = other is null ? null : new Decoder(other, slots, context);
        }

        public void Run(IEnumerable<Sequence> sequences, Action<Sequence> finished, Action<int> drawn)
        {
            var waiting = new Queue<Sequence>(sequences);
            var free = new Stack<int>(Enumerable.Range(0, slots).Reverse());
            List<Sequence> growing = [];
            while (growing.Count + waiting.Count > 0)
            {
                using Tape tape = Tape.NoGrad(model.Device);

                // Prompts begin several at a time: a product of few rows costs as much as one of some more.
                Sequence[] begun = free.Count > slots / 8 || growing.Count == 0 ? Begin(waiting, free) : [];
                if (growing.Count > 0) Draw(tape, Step(tape, growing), growing);
                if (begun.Length > 0) Draw(tape, Prompt(tape, begun), begun);
                growing.AddRange(begun);
                int tokens = growing.Count;
                foreach (Sequence done in growing.Where(s => !s.Grows))
                {
                    free.Push(done.Slot);
                    finished(done);
                }

                growing.RemoveAll(s => !s.Grows);
                drawn(tokens);
            }
        }

        public void Dispose()
        {
            decoder.Dispose();
            other?.Dispose();
        }

        private static Sequence[] Begin(Queue<Sequence> waiting, Stack<int> free)
        {
            List<Sequence> begun = [];
            for (int tokens = 0; free.Count > 0 && waiting.TryPeek(out Sequence? next)
                && (begun.Count == 0 || tokens + next.Prompt.Length <= MostPromptTokens);)
            {
                tokens += next.Prompt.Length;
                next.Slot = free.Pop();
                begun.Add(waiting.Dequeue());
            }

            return [.. begun];
        }

        private PolicyRows Prompt(Tape tape, Sequence[] begun)
        {
            int[][] prompts = [.. begun.Select(s => s.Prompt)];
            int[] at = [.. begun.Select(s => s.Slot)];
            return Both(d => d.Prompt(tape, prompts, at));
        }

        private PolicyRows Step(Tape tape, List<Sequence> growing)
        {
            int[] last = [.. growing.Select(s => s.Tokens[^1])], at = [.. growing.Select(s => s.Slot)],
                positions = [.. growing.Select(s => s.Position)];
            return Both(d => d.Step(tape, last, at, positions));
        }

        private PolicyRows Both(Func<Decoder, PolicyRows> next) =>
            other is null ? next(decoder) : PolicyRows.Extrapolated(next(decoder), next(other), alpha);

        private void Draw(Tape tape, PolicyRows policy, IReadOnlyList<Sequence> sequences)
        {
            int count = sequences.Count;
            var uniforms = new float[count];
            for (int i = 0; i < count; i++)
                uniforms[i] = Rng.UniformAt(options.Seed, options.FirstStream + (ulong)sequences[i].Place,
                    (ulong)sequences[i].Tokens.Count);
            Storage both = tape.Scratch(2 * count); // ids, then log-probabilities: one wait for the device brings both
            policy.Sample(tape.Constant(uniforms, new Shape(count)), both, options);
            var drawn = new int[2 * count];
            tape.Backend.Download(both, drawn);
            float[] logProbs = LogitsException.Check(Array.ConvertAll(drawn[count..], BitConverter.Int32BitsToSingle), "the policy");
            for (int i = 0; i < count; i++)
            {
                sequences[i].Tokens.Add(drawn[i]);
                sequences[i].LogProbs.Add(logProbs[i]);
                sequences[i].Ended = ends.Contains(drawn[i]);
                told?.Invoke(sequences[i].Place, drawn[i]);
            }
        }
    }
}
