using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
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
    /// The longest response in tokens, the end token included. A prompt may leave less room in the model's positions, see <see cref="Sampler.Room"/>.
    /// </summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>
    /// The longest sequence, prompt and response, in positions as <see cref="Sampler.Room"/> counts them: fewer than the model's own, where others that have
    /// fewer are to score it.
    /// </summary>
    public int MaxPositions { get; init; } = int.MaxValue;

    /// <summary>Seed of the draws.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Number of the first prompt's random stream; prompt i draws from stream FirstStream + i.</summary>
    public ulong FirstStream { get; init; }

    /// <summary>Sequences that are decoded together. The responses do not depend on it.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>Hears after every token how far the drawing is; null where nobody listens.</summary>
    public Action<SamplingProgress>? Progress { get; init; }

    /// <summary>Greedy decoding.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    internal void Validate()
    {
        if (!(Temperature >= 0) || float.IsInfinity(Temperature)) throw new ArgumentException($"Temperature must be 0 or more, not {Temperature}.");
        if (TopK < 0) throw new ArgumentException($"TopK must be 0 (all) or more, not {TopK}.");
        if (!(TopP > 0 && TopP <= 1)) throw new ArgumentException($"TopP must be in (0, 1], not {TopP}.");
        if (MaxTokens < 1) throw new ArgumentException($"MaxTokens must be at least 1, not {MaxTokens}.");
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
/// <param name="Ended">True if an end token was drawn; false if it was cut off, at the longest length or where the model's positions are full.</param>
public sealed record SampledResponse(int[] Ids, float[] LogProbs, bool Ended)
{
    /// <summary>True if it was cut off because the model's positions were full, before it had <see cref="SamplingOptions.MaxTokens"/> tokens.</summary>
    public bool ContextFull { get; init; }
}

/// <summary>
/// Draws responses with a key/value cache. The draw for token t of prompt i is a function of (seed, i, t) alone, and each response has the room that
/// its own prompt leaves: the same seed gives the same text whatever the other prompts, the batch size and the number of threads.
/// </summary>
public static class Sampler
{
    /// <summary>
    /// The tokens that a response to a prompt can have: one position for each token of the sequence but the last, which nothing follows. A prompt of
    /// as many tokens as there are positions can have one; a longer one gets an empty response that has not ended.
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
    public static SampledResponse[] Extrapolate(Transformer a, Transformer b, float alpha, IReadOnlyList<int[]> prompts, EndTokens ends, SamplingOptions options) =>
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
        foreach (int[] batch in answered.Chunk(Together(model, other, answered.Select(i => prompts[i].Length + (long)RoomOf(i) - 1), options)))
        {
            int[] room = Array.ConvertAll(batch, RoomOf);
            SamplingOptions here = options.Progress is { } hear
                ? options with { Progress = p => hear(new SamplingProgress(finished + p.Finished, answered.Length, tokens + p.Tokens)) }
                : options;
            SampledResponse[] drawn = GenerateBatch(model, other, alpha, Array.ConvertAll(batch, i => prompts[i]), room, ends, here, batch, told);
            (finished, tokens) = (finished + batch.Length, tokens + drawn.Sum(r => (long)r.Ids.Length));
            for (int i = 0; i < batch.Length; i++)
                responses[batch[i]] = drawn[i] with { ContextFull = !drawn[i].Ended && drawn[i].Ids.Length < options.MaxTokens };
        }

        return responses;

        int RoomOf(int i) => Math.Min(options.MaxTokens, Room(prompts[i].Length, positions));
    }

    // Sequences of a batch: fewer than asked for where the caches of so many would not fit in the device's memory.
    private static int Together(Transformer model, Transformer? other, IEnumerable<long> lengths, SamplingOptions options)
    {
        int longest = (int)lengths.DefaultIfEmpty(1).Max();
        int most = KvCache.MostSlots(model.Device, model.Config, longest);
        if (other is not null) most = Math.Min(most, KvCache.MostSlots(other.Device, other.Config, longest)) / 2;
        return Math.Max(1, Math.Min(options.BatchSize, most));
    }

    // room: the most tokens of each response; places: where each prompt stands among all, which names its stream.
    private static SampledResponse[] GenerateBatch(
        Transformer model, Transformer? other, float alpha, int[][] prompts, int[] room, EndTokens ends, SamplingOptions options, int[] places,
        Action<int, int>? told)
    {
        int n = prompts.Length, context = prompts.Zip(room, (prompt, most) => prompt.Length + most - 1).Max();
        using var decoder = new Decoder(model, n, context);
        using Decoder? otherDecoder = other is null ? null : new Decoder(other, n, context);
        var tokens = new List<int>[n];
        var logProbs = new List<float>[n];
        var ended = new bool[n];
        for (int i = 0; i < n; i++) (tokens[i], logProbs[i]) = ([], []);

        // slots: the sequences that still grow; their last token and its position
        int[] slots = [.. Enumerable.Range(0, n)], last = [], positions = [];
        long drawn = 0;
        for (int step = 0; slots.Length > 0; step++)
        {
            using Tape tape = Tape.NoGrad(model.Device);
            PolicyRows policy = Next(decoder);
            if (otherDecoder is not null) policy = PolicyRows.Extrapolated(policy, Next(otherDecoder), alpha);
            (int[] ids, float[] logs) = Draw(tape, policy, slots, step);

            var growing = new List<int>(slots.Length);
            for (int i = 0; i < slots.Length; i++)
            {
                int slot = slots[i];
                tokens[slot].Add(ids[i]);
                told?.Invoke(places[slot], ids[i]);
                logProbs[slot].Add(logs[i]);
                ended[slot] = ends.Contains(ids[i]);
                if (!ended[slot] && tokens[slot].Count < room[slot]) growing.Add(slot);
            }

            drawn += slots.Length;
            slots = [.. growing];
            options.Progress?.Invoke(new SamplingProgress(n - slots.Length, n, drawn));
            last = Array.ConvertAll(slots, slot => tokens[slot][^1]);
            positions = Array.ConvertAll(slots, slot => prompts[slot].Length + tokens[slot].Count - 1);

            PolicyRows Next(Decoder d) => step == 0 ? d.Prompt(tape, prompts) : d.Step(tape, last, slots, positions);
        }

        var responses = new SampledResponse[n];
        for (int i = 0; i < n; i++) responses[i] = new SampledResponse([.. tokens[i]], [.. logProbs[i]], ended[i]);
        return responses;

        (int[] Ids, float[] LogProbs) Draw(Tape tape, PolicyRows policy, int[] rows, int step)
        {
            int count = rows.Length;
            var uniforms = new float[count];
            for (int i = 0; i < count; i++) uniforms[i] = Rng.UniformAt(options.Seed, options.FirstStream + (ulong)places[rows[i]], (ulong)step);
            Tensor draws = tape.Constant(uniforms, new Shape(count));
            Storage both = tape.Scratch(2 * count); // ids, then log-probabilities: one wait for the device brings both
            policy.Sample(draws, both, options);
            var drawn = new int[2 * count];
            tape.Backend.Download(both, drawn);
            return (drawn[..count], LogitsException.Check(Array.ConvertAll(drawn[count..], BitConverter.Int32BitsToSingle), "the policy"));
        }
    }
}
