namespace MiniTransformer.Lab;

/// <summary>Planted errors as a table, and what it means in words.</summary>
public static class PlantedErrorTable
{
    /// <summary>One row for each score and reference, and one for chance.</summary>
    public static ReportTable Of(PlantedErrorResult result) => new(
        $"Planted errors in {result.Responses} {Responses(result)}", ["score", "hit rate", "95%", "AUC", "95%"],
        [
            .. result.Scores.Select(s => (IReadOnlyList<ReportCell>)
            [
                Name(s), Numbers.Fraction(s.HitRate), Range(s.HitLow, s.HitHigh), Numbers.Fraction(s.Auc), Range(s.AucLow, s.AucHigh),
            ]),
            ["chance", Numbers.Fraction(result.Chance), Numbers.None, Numbers.Fraction(.5), Numbers.None],
        ],
        "Hit rate: the score is lowest (|r̂|: largest) at the planted token, of all tokens of the response. AUC: a planted token scores "
            + "lower than a right one. "
        + "95%: Wilson's interval of the rate; bootstrap over responses of the AUC."
        + (result.TrainedPrompts > 0 ? $" Of their prompts the policy, or its base, was trained on {result.TrainedPrompts}." : "")
        + (result.IsGold
            ? ""
            : " The responses agree with the demonstrations and with nothing else: where those are wrong, tokens that count as right are "
                + "not."));

    /// <summary>In two or three sentences: the best score, and what r̂ does against each reference.</summary>
    public static string Finding(PlantedErrorResult result)
    {
        ScoreLocalisation best = result.Scores.MaxBy(s => s.Auc)!;
        string finding = $"By AUC the best pointer to a planted wrong token is {Name(best)} (hit in {Percent(best.HitRate)}, AUC "
            + $"{Numbers.Fraction(best.Auc)}; "
            + $"chance: {Percent(result.Chance)}, .500).";
        ScoreLocalisation[] rHat = Of(result, CreditScore.RHat), size = Of(result, CreditScore.RHatSize);
        if (rHat.Length == 0) return finding;
        IEnumerable<string> each = rHat.Select(r => $"hit {Percent(r.HitRate)}, AUC {Numbers.Fraction(r.Auc)} (reference {r.Reference})");
        finding += $" r̂ has {string.Join("; ", each)}.";
        string[] unsigned = [.. rHat.Zip(size).Where(pair => pair.Second.AucLow > pair.First.AucHigh)
            .Select(pair => $"{Numbers.Fraction(pair.Second.Auc)} ({pair.First.Reference})")];
        return unsigned.Length == 0
            ? finding
            : $"{finding} |r̂| does better, AUC {string.Join(", ", unsigned)}: there r̂ is large at errors but of either sign, so it does "
                + "not say by itself that a token is wrong.";
    }

    /// <summary>What was done and what the numbers mean, in plain words; an empty line starts a new paragraph.</summary>
    public static string Meaning(PlantedErrorResult result) =>
        $"In {result.Responses} {Responses(result)} one token, at a place drawn uniformly, was replaced by another of the same kind (a "
            + "small letter by a small letter, a digit by a digit) "
        + $"that occurs in the {Responses(result)}; the end token never was. "
        + (result.Skipped > 0 ? $"In {result.Skipped} further responses no error could be planted. " : "")
        + "The rest of the response stays as it was, so the tokens after the error are scored after a wrong prefix, and some are "
        + "improbable for that alone.\n\n"
        + "The hit rate is the share of the responses in which the score blames the planted token: it is the lowest of all tokens of the "
        + "response, the end token included (for |r̂|, the largest); "
        + $"tokens that tie share the hit. Responses have {Numbers.Decimal(result.MeanLength)} tokens on average, so a score drawn at "
        + $"random hits in {Percent(result.Chance)} (the mean of 1/length). "
        + "AUC pools all planted and all other tokens of these responses: the probability that a planted token scores lower than a right "
        + "one, ties by half; "
        + ".5 tells nothing, and below .5 errors score higher than right tokens. Centred r̂ is r̂ minus its mean under π_SFT at the same "
        + "state.\n\n"
        + "r_Q is Q(s,a) − V(s′), and s′ is the first state that holds the error: how high the logits happen to lie there, which no "
        + "probability depends on, is taken from r_Q at the error and given "
        + "back at the token after it. Before the error all scores are those of the right response; r̂ and log π have no such term.\n\n"
        + "A score that finds planted errors is a good judge of single tokens; that does not show that rewarding it improves the policy.";

    private static ScoreLocalisation[] Of(PlantedErrorResult result, CreditScore score) => [.. result.Scores.Where(s => s.Score == score)];

    /// <summary>A score with its reference, as tables name it.</summary>
    public static string Name(ScoreLocalisation s) => s.Score switch
    {
        CreditScore.RHat => $"r̂, reference {s.Reference}",
        CreditScore.CentredRHat => $"r̂ centred, reference {s.Reference}",
        CreditScore.RHatSize => $"|r̂|, reference {s.Reference}",
        CreditScore.RQ => "r_Q",
        _ => "log π_SFT",
    };

    private static string Responses(PlantedErrorResult result) => result.IsGold ? "right responses" : "demonstrated responses";

    private static string Percent(double rate) => $"{Math.Round(100 * rate):0}%";

    private static string Range(double low, double high) =>
        double.IsNaN(low) ? $"[{Numbers.None}]" : $"[{Numbers.Fraction(low)}, {Numbers.Fraction(high)}]";
}
