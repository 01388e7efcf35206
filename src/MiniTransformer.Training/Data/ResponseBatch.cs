namespace MiniTransformer.Data;

/// <summary>
/// A batch of B examples, and the one place where labels are shifted. A sequence s = prompt + response has inputs s₀ … s_{L−2}, and its
/// position t predicts s_{t+1}; so response token j (counted from 0) is predicted at position P − 1 + j, the first one by the prompt's last token:
/// <code>
/// sequence    p₀ p₁ p₂ | r₀ r₁ end          P = 3
/// inputs      p₀ p₁ p₂   r₀ r₁
/// predicts    ·  ·  r₀   r₁ end             rows 2, 3, 4
/// </code>
/// Rows are padded on the right to T = max L − 1. Which positions carry loss follows from lengths alone, never from a token's value, so the
/// end token is learned even where the padding token equals it.
/// </summary>
public sealed class ResponseBatch
{
    /// <summary>Lays out prompts and responses, padded with the given token, which no result depends on.</summary>
    /// <exception cref="DataException">A prompt is empty, an id is negative, or no token of the batch carries loss; the message names the examples' sources.</exception>
    public ResponseBatch(IReadOnlyList<Example> examples, int padId = 0)
        : this(examples, padId, e => e.Answered)
    {
    }

    private ResponseBatch(IReadOnlyList<Example> examples, int padId, Func<Example, TokenSequence> sequenceOf)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("A batch needs at least one example.", nameof(examples));
        ArgumentOutOfRangeException.ThrowIfNegative(padId);
        foreach (Example example in examples) Check(example);
        TokenSequence[] sequences = [.. examples.Select(sequenceOf)];
        Examples = examples;
        B = examples.Count;
        N = sequences.Sum(s => s.Count);
        if (N == 0)
        {
            throw new DataException($"{Places(examples)}: no token of this batch carries loss, because every response is empty; " +
                "remove these examples or give them a response (an end token suffices).");
        }

        T = sequences.Max(s => s.Ids.Length) - 1;
        Inputs = new int[B * T];
        Positions = new int[B * T];
        Rows = new int[N];
        Targets = new int[N];
        Inputs.AsSpan().Fill(padId);
        List<int> starts = [0];
        int n = 0;
        for (int b = 0; b < B; b++)
        {
            int[] ids = sequences[b].Ids;
            int inputs = sequences[b].Count > 0 ? ids.Length - 1 : Math.Min(ids.Length, T);  // a prompt without response has no last token to predict
            ids.AsSpan(0, inputs).CopyTo(Inputs.AsSpan(b * T, T));
            for (int t = 0; t < T; t++) Positions[b * T + t] = t;
            foreach ((int start, int end) in sequences[b].Loss)
            {
                for (int t = start; t < end; t++, n++) (Rows[n], Targets[n]) = (b * T + t - 1, ids[t]);
                starts.Add(n);
            }
        }

        Starts = [.. starts];
    }

    /// <summary>
    /// Lays out what supervised training learns: of a conversation every turn that carries loss (<see cref="Example.Learned"/>). Each turn is a response of
    /// its own in <see cref="Starts"/>, which has then more than B + 1 entries.
    /// </summary>
    /// <exception cref="DataException">As of the constructor.</exception>
    public static ResponseBatch OfTurns(IReadOnlyList<Example> examples, int padId = 0) => new(examples, padId, e => e.Learned);

    /// <summary>The examples, one a row.</summary>
    public IReadOnlyList<Example> Examples { get; }

    /// <summary>Number of sequences.</summary>
    public int B { get; }

    /// <summary>Positions of a row.</summary>
    public int T { get; }

    /// <summary>Number of tokens that carry loss, the weight of this batch in a gradient accumulated over several.</summary>
    public int N { get; }

    /// <summary>Input tokens, (B·T).</summary>
    public int[] Inputs { get; }

    /// <summary>Positions 0 … T−1 of every row, (B·T).</summary>
    public int[] Positions { get; }

    /// <summary>Flat index b·T + t of every position that predicts a response token, (N), sequence by sequence.</summary>
    public int[] Rows { get; }

    /// <summary>The response token that each of <see cref="Rows"/> predicts, (N).</summary>
    public int[] Targets { get; }

    /// <summary>Sequence b's response tokens are entries Starts[b] … Starts[b+1]−1 of <see cref="Rows"/> and <see cref="Targets"/>, (B+1).</summary>
    public int[] Starts { get; }

    private static void Check(Example example)
    {
        if (example.PromptIds.Length == 0)
            throw new DataException($"{Place(example)}: the prompt has no token, so nothing predicts the first response token; begin it with the begin token.");
        foreach (int id in example.PromptIds) CheckId(example, id);
        foreach (int id in example.ResponseIds) CheckId(example, id);
    }

    private static void CheckId(Example example, int id)
    {
        if (id < 0) throw new DataException($"{Place(example)}: token id {id} is negative.");
    }

    private static string Place(Example example) => example.Source ?? "an example made in memory";

    private static string Places(IReadOnlyList<Example> examples) =>
        string.Join(", ", examples.Take(8).Select(Place)) + (examples.Count > 8 ? $" and {examples.Count - 8} more" : "");
}
