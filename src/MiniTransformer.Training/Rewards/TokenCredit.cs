using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>A reference policy with the name that tables and reports give it.</summary>
/// <param name="Name">Such as "base" or "half".</param>
/// <param name="Model">π_ref.</param>
public sealed record NamedReference(string Name, Transformer Model);

/// <summary>What one reference says about a batch of responses, one value per response token, in nats.</summary>
/// <param name="LogProb">log π_ref(a_t|s_t).</param>
/// <param name="Divergence">KL(π_SFT(·|s_t) ‖ π_ref(·|s_t)) = Σ_a π_SFT(a|s_t) r̂(s_t,a): the mean of r̂ at the state, which centring
/// subtracts.</param>
public sealed record ReferenceScores(float[] LogProb, float[] Divergence);

/// <summary>
/// The most probable tokens at each state of a batch under the expert, K of them, in entries i·K … i·K+K−1 for response token i.
/// </summary>
/// <param name="K">How many.</param>
/// <param name="Ids">The tokens, the most probable first; of equally probable ones the smaller id.</param>
/// <param name="LogProb">Their log π_SFT, in nats.</param>
/// <param name="ReferenceLogProbs">Their log π_ref, for each reference.</param>
public sealed record TokenAlternatives(int K, int[] Ids, double[] LogProb, IReadOnlyList<double[]> ReferenceLogProbs);

/// <summary>
/// An expert and several references on a batch of responses, one value per response token, in nats, in the order of
/// <see cref="ResponseBatch.Targets"/>.
/// </summary>
/// <param name="LogProb">log π_SFT(a_t|s_t).</param>
/// <param name="RQ">r_Q = Q(s_t,a_t) − V(s_{t+1}); after the last token of response b V is FinalValue[b].</param>
/// <param name="Value">V(s_t) = log Σ exp Q(s_t, ·).</param>
/// <param name="Ends">How each response ends.</param>
/// <param name="References">One for each reference.</param>
/// <param name="Alternatives">The most probable tokens at each state, if they were asked for.</param>
public sealed record TokenScores(
    float[] LogProb, float[] RQ, float[] Value, IReadOnlyList<ReferenceScores> References, TokenAlternatives? Alternatives,
    ResponseEnds Ends);

/// <summary>
/// How the responses of a batch end. One that ends with an end token leads to a terminal state, whose value is 0. One that was cut off, by
/// a setting or by a full context, does not: the value of the state after it is V(s′) like that of any other, and r_Q of its last token
/// needs it.
/// </summary>
/// <param name="Ended">Whether a response has ended, (B). Where the model has no end token all have: the data says where they end.</param>
/// <param name="FinalValue">V of the state after the response, (B): 0 where it ended, else log Σ exp Q(s′, ·), or NaN where the model has
/// no position for s′.</param>
public sealed record ResponseEnds(bool[] Ended, float[] FinalValue)
{
    /// <summary>The ends of a batch's responses under the expert whose values are asked for.</summary>
    internal static ResponseEnds Of(Transformer expert, ResponseBatch batch, EndTokens ends)
    {
        bool[] ended = [.. batch.Examples.Select(e => ends.Count == 0 || e.ResponseIds.Length == 0 || ends.HasEnded(e.ResponseIds))];
        var values = new float[batch.B];
        int[] cutOff = [.. Enumerable.Range(0, batch.B).Where(b => !ended[b])];
        foreach (int b in cutOff) values[b] = float.NaN;
        cutOff = Array.FindAll(cutOff, b => batch.Examples[b].Positions < expert.Config.MaxPositions);
        if (cutOff.Length == 0) return new ResponseEnds(ended, values);

        // s′ is the whole sequence; any token after it makes a row of logits there.
        var next =
            new ResponseBatch([.. cutOff.Select(b =>
                new Example([.. batch.Examples[b].PromptIds, .. batch.Examples[b].ResponseIds], [0]))]);
        using Tape tape = Tape.NoGrad(expert.Device);
        float[] after = LogitsException.Check(expert.Rows(tape, next).LogSumExp().ToArray(), "π_SFT");
        for (int i = 0; i < cutOff.Length; i++) values[cutOff[i]] = after[i];
        return new ResponseEnds(ended, values);
    }
}

/// <summary>Credit of every token of a response: what an expert's logits and one forward pass of each reference tell about it.</summary>
public static class TokenCredit
{
    /// <summary>Scores a batch of responses.</summary>
    /// <param name="expert">π_SFT.</param>
    /// <param name="references">Any number of π_ref, none included.</param>
    /// <param name="batch">The responses.</param>
    /// <param name="alternatives">How many of the most probable tokens to tell at each state.</param>
    /// <param name="ends">The tokens that end a response; null takes those of the expert's configuration.</param>
    public static TokenScores Score(
        Transformer expert, IReadOnlyList<Transformer> references, ResponseBatch batch, int alternatives = 0, EndTokens? ends = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(alternatives);
        foreach (Transformer reference in references) CheckVocabulary(expert, reference);
        using Tape tape = Tape.NoGrad(expert.Device);
        PolicyRows rows = expert.Rows(tape, batch);
        TokenIds targets = tape.Targets(batch);
        var after = ResponseEnds.Of(expert, batch, ends ?? expert.Config.Ends);
        (float[] logProb, float[] rQ, float[] value) = OfExpert(tape, rows, batch, after);
        int k = Math.Min(alternatives, expert.Config.VocabSize);
        double[] best = new double[k * batch.N];
        int[] ids = k == 0 ? [] : MostProbable(rows, value, k, best);
        var scores = new List<ReferenceScores>(references.Count);
        var others = new List<double[]>(references.Count);
        foreach (Transformer reference in references)
        {
            PolicyRows other = reference.Rows(tape, batch);
            scores.Add(new ReferenceScores(
                LogitsException.Check(other.LogProb(targets).ToArray(), "π_ref"),
                LogitsException.Check(rows.Kl(other).ToArray(), "π_ref")));
            if (k > 0) others.Add(LogProbs(other, other.LogSumExp().ToArray(), ids, k));
        }

        return new TokenScores(logProb, rQ, value, scores, k == 0 ? null : new TokenAlternatives(k, ids, best, others), after);
    }

    /// <summary>log π_SFT, r_Q and V at each response token, from the expert's logits there.</summary>
    internal static (float[] LogProb, float[] RQ, float[] Value) OfExpert(Tape tape, PolicyRows expert, ResponseBatch batch,
        ResponseEnds ends)
    {
        TokenIds targets = tape.Targets(batch);
        Tensor[] measured = expert.Measure(RowMeasure.Q(targets), RowMeasure.Value, RowMeasure.LogProb(targets));
        float[] q = measured[0].ToArray(), value = measured[1].ToArray();

        // r_Q(s_t, a_t) = Q(s_t, a_t) − V(s_{t+1}); the state after an end token is terminal, V = 0
        var rQ = new float[batch.N];
        for (int b = 0; b < batch.B; b++)
        {
            for (int i = batch.Starts[b]; i < batch.Starts[b + 1]; i++)
            {
                rQ[i] = q[i] - (i + 1 < batch.Starts[b + 1] ? value[i + 1] : ends.FinalValue[b]);
            }
        }

        return (LogitsException.Check(measured[2].ToArray(), "π_SFT"), rQ, value);
    }

    /// <summary>Refuses a reference whose ids mean something else than the expert's.</summary>
    internal static void CheckVocabulary(Transformer expert, Transformer reference)
    {
        if (expert.Config.VocabSize != reference.Config.VocabSize)
            throw new ArgumentException($"DenseReward: the expert has a vocabulary of {expert.Config.VocabSize}, the reference one of "
                + $"{reference.Config.VocabSize}; they must share a tokenizer.");
    }

    // The k largest logits of each row, in order, by insertion; log π = Q − V.
    private static int[] MostProbable(PolicyRows policy, float[] value, int k, double[] logProb)
    {
        int v = policy.Vocabulary;
        int[] ids = new int[policy.Count * k];
        policy.Chunks((first, chunk) =>
        {
            float[] logits = chunk.ToArray();
            for (int row = first; row < first + chunk.Shape[0]; row++)
            {
                ReadOnlySpan<float> q = logits.AsSpan((row - first) * v, v);
                Span<int> kept = ids.AsSpan(row * k, k);
                int count = 0;
                for (int id = 0; id < v; id++)
                {
                    int place = count;
                    while (place > 0 && q[id] > q[kept[place - 1]]) place--;
                    if (place == k) continue;
                    count = Math.Min(k, count + 1);
                    for (int j = count - 1; j > place; j--) kept[j] = kept[j - 1];
                    kept[place] = id;
                }

                for (int j = 0; j < k; j++) logProb[row * k + j] = (double)q[kept[j]] - value[row];
            }
        });
        return ids;
    }

    private static double[] LogProbs(PolicyRows policy, float[] value, int[] ids, int k)
    {
        double[] logProb = new double[ids.Length];
        policy.Chunks((first, chunk) =>
        {
            float[] logits = chunk.ToArray();
            for (int i = first * k; i < (first + chunk.Shape[0]) * k; i++)
                logProb[i] = (double)logits[(i / k - first) * policy.Vocabulary + ids[i]] - value[i / k];
        });
        return logProb;
    }
}
