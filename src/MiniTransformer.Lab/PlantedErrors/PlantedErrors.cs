using System.Text.Json.Serialization;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Judges;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>A right response with one token replaced.</summary>
/// <param name="Example">The prompt and the response with the error.</param>
/// <param name="Position">The error's place among the response tokens, counted from 0.</param>
/// <param name="RightId">The token that belongs there.</param>
public sealed record PlantedExample(Example Example, int Position, int RightId);

/// <summary>
/// A score that may point at wrong tokens: the lowest value blames, but for <see cref="RHatSize"/>, where the largest does.
/// </summary>
public enum CreditScore
{
    /// <summary>r̂ = log π_SFT − log π_ref.</summary>
    RHat,

    /// <summary>r̂ minus its mean at the state, KL(π_SFT(·|s) ‖ π_ref(·|s)).</summary>
    CentredRHat,

    /// <summary>|r̂|: at a late reference r̂ is large at errors, but of either sign.</summary>
    RHatSize,

    /// <summary>r_Q = Q(s,a) − V(s′).</summary>
    RQ,

    /// <summary>log π_SFT.</summary>
    LogPolicy,
}

/// <summary>How well one score finds planted errors.</summary>
/// <param name="Score">The score.</param>
/// <param name="Reference">The reference's name; null for scores of the expert alone.</param>
/// <param name="HitRate">See <see cref="Localisation.HitRate"/>.</param>
/// <param name="HitLow">Lower end of Wilson's 95% interval of the hit rate.</param>
/// <param name="HitHigh">Its upper end.</param>
/// <param name="Auc">See <see cref="Localisation.Auc"/>.</param>
/// <param name="AucLow">Lower end of the bootstrap's 95% interval of the AUC, over responses.</param>
/// <param name="AucHigh">Its upper end.</param>
public sealed record ScoreLocalisation(
    CreditScore Score, string? Reference, double HitRate, double HitLow, double HitHigh, double Auc, double AucLow, double AucHigh);

/// <summary>What came of planting errors: a plain record, for tables and files.</summary>
/// <param name="Seed">Seed of the places and of the replacements.</param>
/// <param name="Responses">Responses with an error.</param>
/// <param name="Skipped">Responses in which none could be planted.</param>
/// <param name="MeanLength">Tokens of a response, the end token included.</param>
/// <param name="Chance">Hit rate of a score drawn at random.</param>
/// <param name="Scores">One row for each score and reference.</param>
public sealed record PlantedErrorResult(
    ulong Seed, int Responses, int Skipped, double MeanLength, double Chance, IReadOnlyList<ScoreLocalisation> Scores)
{
    /// <summary>Whether the responses were right ones before, and not demonstrations that may be wrong themselves.</summary>
    public bool IsGold { get; init; } = true;

    /// <summary>Responses to prompts that the policy, or its base, was trained on; null where that is not known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? TrainedPrompts { get; init; }
}

/// <summary>
/// Planted errors: in right responses one token, at a place drawn uniformly, is replaced by another of the same kind
/// (<see cref="TokenKinds"/>), drawn uniformly from those that occur in the right responses. The end token is never replaced. The rest of
/// the response stays as it was, so every later token is scored after a wrong prefix.
/// </summary>
/// <remarks>
/// Let e be the error's place. Scores before e are those of the right response to the bit, for they depend on the tokens so far alone. r_Q
/// at e is Q(s_e, a_e) − V(s_{e+1}), and s_{e+1} is the first state that holds the error: V(s_{e+1}) is taken from r_Q at the error and
/// given back at the next token, since r_Q = log π + V(s) − V(s′). So r_Q blames the error too little or too much by a number that no
/// probability depends on, and its neighbour the other way round.
/// </remarks>
public static class PlantedErrors
{
    private const ulong PlaceStream = 0x504C4E54UL << 32;
    private const int BatchSize = 128;

    /// <summary>
    /// Plants one error in each right response where one can be planted. Response i depends on the seed, on i and on the set alone.
    /// </summary>
    /// <param name="right">Right responses.</param>
    /// <param name="kinds">Which tokens are of the same kind.</param>
    /// <param name="seed">Seed of places and replacements.</param>
    /// <param name="accepts">Whether tokens are a right response to example i after all: such a replacement is no error, and is left
    /// out.</param>
    public static IReadOnlyList<PlantedExample> Plant(IReadOnlyList<Example> right, TokenKinds kinds, ulong seed,
        Func<int, int[], bool>? accepts = null)
    {
        Dictionary<string, int[]> ofKind = right.SelectMany(e => e.ResponseIds).Distinct().Order().Where(id => kinds.Of(id) is not null)
            .GroupBy(id => kinds.Of(id)!).Where(g => g.Count() > 1).ToDictionary(g => g.Key, g => g.ToArray());
        var planted = new List<PlantedExample>(right.Count);
        for (int i = 0; i < right.Count; i++)
        {
            int[] ids = right[i].ResponseIds;
            int[] places = [.. Enumerable.Range(0, ids.Length).Where(t => kinds.Of(ids[t]) is { } kind && ofKind.ContainsKey(kind))];
            if (places.Length == 0) continue;
            var rng = new Rng(seed, PlaceStream + (uint)i);
            int at = places[rng.NextInt(places.Length)];
            int[] others = Array.FindAll(ofKind[kinds.Of(ids[at])!], id => id != ids[at]);
            int[] wrong = [.. ids];
            wrong[at] = others[rng.NextInt(others.Length)];
            if (accepts?.Invoke(i, wrong) != true)
            {
                planted.Add(new PlantedExample(right[i] with { ResponseIds = wrong, Response = null }, at, ids[at]));
            }
        }

        return planted;
    }

    /// <summary>Plants errors in the right answers to prompts of tasks and measures how well each score finds them.</summary>
    /// <param name="expert">π_SFT.</param>
    /// <param name="references">The references, each with a name of its own.</param>
    /// <param name="prompts">Prompts, held out from training.</param>
    /// <param name="tokenizer">Text to tokens.</param>
    /// <param name="seed">Seed of places, replacements and resampling.</param>
    /// <returns>The result; of 0 responses, without scores, where there is nothing to plant an error in.</returns>
    public static PlantedErrorResult Measure(
        Transformer expert, IReadOnlyList<NamedReference> references, IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer, ulong seed)
    {
        // Responses are judged together, so that a slow verifier can work on several at a time. Of own data some answers may not be right.
        Example[] answers = [.. prompts.Select(p =>
            new Example(p.Encode(tokenizer).Ids, tokenizer.EncodeResponse(p.Task.Answer(p.Text)), p.Text))];
        Example[] right = Judged(answers, isRight: true);
        PlantedExample[] changed = [.. Plant(right, new TokenKinds(tokenizer, tokenizer.Tokens.Ends), seed)];
        HashSet<Example> wrong = [.. Judged([.. changed.Select(p => p.Example)], isRight: false)];
        PlantedExample[] planted = [.. changed.Where(p => wrong.Contains(p.Example))];
        return planted.Length == 0
            ? new PlantedErrorResult(seed, 0, answers.Length, double.NaN, double.NaN, [])
            : Measure(expert, references, planted, answers.Length, seed, tokenizer.Tokens.Ends);

        Example[] Judged(Example[] examples, bool isRight)
        {
            Dictionary<string, TaskPrompt> byText = prompts.DistinctBy(p => p.Text).ToDictionary(p => p.Text);
            double[] scores = TaskPrompt.Scores([.. examples.Select(e => byText[e.Prompt!])], [.. examples.Select(e => e.ResponseIds)],
                tokenizer);
            return [.. examples.Where((_, i) => scores[i] >= Judge.Right == isRight)];
        }
    }

    /// <summary>Measures how well each score finds errors that are planted already.</summary>
    /// <param name="expert">π_SFT.</param>
    /// <param name="references">The references, each with a name of its own; there may be none.</param>
    /// <param name="planted">Responses with an error, of <see cref="Plant"/>.</param>
    /// <param name="attempted">Of how many right responses they were made.</param>
    /// <param name="seed">The seed that they were planted with; resampling takes it too.</param>
    /// <param name="ends">The tokens that end a response; null takes those of the expert's configuration.</param>
    /// <param name="progress">Hears how many responses are scored.</param>
    /// <exception cref="ArgumentException">There is no planted error.</exception>
    public static PlantedErrorResult Measure(
        Transformer expert, IReadOnlyList<NamedReference> references, IReadOnlyList<PlantedExample> planted, int attempted, ulong seed,
        EndTokens? ends = null, Action<int>? progress = null)
    {
        if (planted.Count == 0)
        {
            throw new ArgumentException(
                $"No error could be planted in any of {attempted} responses: a token is replaced by another of the same kind that occurs "
                    + "in them, "
                + "and there is none. Give more, or longer, right responses.");
        }

        int[] starts = new int[planted.Count + 1];
        for (int b = 0; b < planted.Count; b++) starts[b + 1] = starts[b] + planted[b].Example.ResponseIds.Length;
        int[] places = [.. planted.Select(p => p.Position)];
        double[] logPolicy = new double[starts[^1]], rQ = new double[starts[^1]];
        (double[] RHat, double[] Centred)[] relative = [.. references.Select(_ => (new double[starts[^1]], new double[starts[^1]]))];
        Transformer[] models = [.. references.Select(r => r.Model)];
        int at = 0, scored = 0;
        foreach (Example[] examples in planted.Select(p => p.Example).Chunk(BatchSize))
        {
            TokenScores scores = TokenCredit.Score(expert, models, new ResponseBatch(examples), ends: ends);
            for (int i = 0; i < scores.LogProb.Length; i++, at++)
            {
                logPolicy[at] = scores.LogProb[i];
                rQ[at] = float.IsNaN(scores.RQ[i]) ? double.PositiveInfinity : scores.RQ[i]; // what is not known blames nothing
                for (int r = 0; r < models.Length; r++)
                {
                    relative[r].RHat[at] = (double)scores.LogProb[i] - scores.References[r].LogProb[i];
                    relative[r].Centred[at] = relative[r].RHat[at] - scores.References[r].Divergence[i];
                }
            }

            progress?.Invoke(scored += examples.Length);
        }

        var rows = new List<ScoreLocalisation>();
        for (int r = 0; r < models.Length; r++)
        {
            rows.Add(Row(CreditScore.RHat, references[r].Name, relative[r].RHat));
            rows.Add(Row(CreditScore.CentredRHat, references[r].Name, relative[r].Centred));
            rows.Add(Row(CreditScore.RHatSize, references[r].Name, [.. relative[r].RHat.Select(x => -Math.Abs(x))]));
        }

        rows.Add(Row(CreditScore.RQ, null, rQ));
        rows.Add(Row(CreditScore.LogPolicy, null, logPolicy));
        return new PlantedErrorResult(
            seed, planted.Count, attempted - planted.Count, starts[^1] / (double)planted.Count, Localisation.Chance(starts), rows);

        ScoreLocalisation Row(CreditScore score, string? reference, double[] values)
        {
            double hit = Localisation.HitRate(values, starts, places);
            (double hitLow, double hitHigh) = Localisation.WilsonInterval(hit, places.Length);
            (double aucLow, double aucHigh) = Localisation.AucInterval(values, starts, places, NamedSeed.Of("resampling", seed));
            return new ScoreLocalisation(score, reference, hit, hitLow, hitHigh, Localisation.Auc(values, starts, places), aucLow, aucHigh);
        }
    }
}
