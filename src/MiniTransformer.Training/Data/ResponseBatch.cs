namespace MiniTransformer.Data;

/// <summary>
/// A batch of B examples, one after another, and the one place where labels are shifted. A sequence s = prompt + response has inputs s₀ …
/// s_{L−2}, and its position t predicts s_{t+1}; so response token j (counted from 0) is predicted at position P − 1 + j, the first one by
/// the prompt's last token:
/// <code>
/// sequences   p₀ p₁ p₂ | r₀ r₁ end      q₀ | r₀ end
/// inputs      p₀ p₁ p₂   r₀ r₁        , q₀   r₀               InputStarts 0 5 7
/// predicts    ·  ·  r₀   r₁ end         r₀   end              rows 2 3 4, 5 6; Starts 0 3 5
/// </code>
/// A sequence has no input after the last that predicts a token with loss; an empty response has none at all. Which positions carry loss
/// follows from lengths alone, never from a token's value.
/// </summary>
public sealed class ResponseBatch
{
    /// <summary>Lays out prompts and responses.</summary>
    /// <exception cref="DataException">A prompt is empty, an id is negative, or no token of the batch carries loss; the message names the
    /// examples' sources.</exception>
    public ResponseBatch(IReadOnlyList<Example> examples)
        : this(examples, e => e.Answered)
    {
    }

    private ResponseBatch(IReadOnlyList<Example> examples, Func<Example, TokenSequence> sequenceOf)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("A batch needs at least one example.", nameof(examples));
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

        InputStarts = new int[B + 1];
        for (int b = 0; b < B; b++) InputStarts[b + 1] = checked(InputStarts[b] + InputsOf(sequences[b]));
        Inputs = new int[InputStarts[B]];
        Rows = new int[N];
        Targets = new int[N];
        List<int> starts = [0];
        int n = 0;
        for (int b = 0; b < B; b++)
        {
            int[] ids = sequences[b].Ids;
            int first = InputStarts[b];
            ids.AsSpan(0, InputStarts[b + 1] - first).CopyTo(Inputs.AsSpan(first));
            foreach ((int start, int end) in sequences[b].Loss)
            {
                for (int t = start; t < end; t++, n++) (Rows[n], Targets[n]) = (first + t - 1, ids[t]);
                starts.Add(n);
            }
        }

        Starts = [.. starts];
    }

    /// <summary>
    /// Lays out what supervised training learns: of a conversation every turn that carries loss (<see cref="Example.Learned"/>). Each turn
    /// is a response of its own in <see cref="Starts"/>, which has then more than B + 1 entries.
    /// </summary>
    /// <exception cref="DataException">As of the constructor.</exception>
    public static ResponseBatch OfTurns(IReadOnlyList<Example> examples) => new(examples, e => e.Learned);

    /// <summary>The examples, one a sequence.</summary>
    public IReadOnlyList<Example> Examples { get; }

    /// <summary>Number of sequences.</summary>
    public int B { get; }

    /// <summary>Number of tokens that carry loss, the weight of this batch in a gradient accumulated over several.</summary>
    public int N { get; }

    /// <summary>Input tokens of all sequences.</summary>
    public int[] Inputs { get; }

    /// <summary>Sequence b's tokens are entries InputStarts[b] … InputStarts[b+1]−1 of <see cref="Inputs"/>, (B+1).</summary>
    public int[] InputStarts { get; }

    /// <summary>The entry of <see cref="Inputs"/> that predicts each token with loss, (N), sequence by sequence.</summary>
    public int[] Rows { get; }

    /// <summary>The response token that each of <see cref="Rows"/> predicts, (N).</summary>
    public int[] Targets { get; }

    /// <summary>
    /// Sequence b's response tokens are entries Starts[b] … Starts[b+1]−1 of <see cref="Rows"/> and <see cref="Targets"/>, (B+1).
    /// </summary>
    public int[] Starts { get; }

    private static int InputsOf(TokenSequence sequence) =>
        sequence.Loss.Where(turn => turn.End > turn.Start).Select(turn => turn.End - 1).DefaultIfEmpty(0).Max();

    private static void Check(Example example)
    {
        if (example.PromptIds.Length == 0)
            throw new DataException($"{Place(example)}: the prompt has no token, so nothing predicts the first response token; begin it "
                + "with the begin token.");
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
