namespace MiniTransformer.Lab;

/// <summary>What the seeds say about one method against one baseline.</summary>
/// <param name="Label">The method.</param>
/// <param name="Baseline">What it is compared with.</param>
/// <param name="Greedy">The outcome in greedy decoding.</param>
/// <param name="Sampled">The outcome in sampled decoding.</param>
/// <param name="Claim">The sentence, such as "DPR beats SFT".</param>
/// <param name="Evidence">Its numbers.</param>
public sealed record Verdict(string Label, string Baseline, Outcome Greedy, Outcome Sampled, string Claim, string Evidence)
{
    /// <summary>Claim and evidence in one line.</summary>
    public string Text => $"{Claim}: {Evidence}.";

    /// <summary>Puts two paired differences into words.</summary>
    public static Verdict Of(string label, string baseline, PairedDifference greedy, PairedDifference sampled)
    {
        (string Name, PairedDifference Difference)[] measured =
            new[] { ("greedy", greedy), ("sampled", sampled) }.Where(pair => pair.Item2.Estimate.Count > 0).ToArray();
        Outcome[] outcomes = measured.Select(pair => pair.Difference.Outcome).Distinct().ToArray();
        string claim = outcomes switch
        {
            [] => $"{label} and {baseline}: nothing can be said",
            [Outcome.Better] => $"{label} beats {baseline}",
            [Outcome.Worse] => $"{label} is worse than {baseline}",
            [Outcome.Unclear] when measured.Length > 1 => $"{label} and {baseline}: no clear difference (both intervals include zero)",
            [Outcome.Unclear] => $"{label} and {baseline}: no clear difference (the interval includes zero)",
            [Outcome.Unmeasured] => $"{label} minus {baseline}",
            _ =>
                $"{label} against {baseline}: {string.Join(", ", measured.Select(pair => $"{Word(pair.Difference.Outcome)} {pair.Name}"))}",
        };
        string evidence = outcomes.Length == 0
            ? "they were measured in no common seed"
            : string.Join("; ", measured.Select(pair => Numbers(pair.Name, pair.Difference)));
        return new Verdict(label, baseline, greedy.Outcome, sampled.Outcome, claim, evidence);
    }

    private static string Word(Outcome outcome) => outcome switch
    {
        Outcome.Better => "better",
        Outcome.Worse => "worse",
        Outcome.Unclear => "no clear difference",
        _ => "too few seeds",
    };

    // +.338 [+.300, +.376] greedy, better in 5 of 5 seeds
    private static string Numbers(string decoding, PairedDifference difference)
    {
        Estimate estimate = difference.Estimate;
        string range = estimate.Interval.IsAvailable ? " " + Lab.Numbers.SignedRange(estimate.Interval) : "";
        string ties = difference.Ties > 0 ? $" ({(difference.Ties == 1 ? "1 tie" : $"{difference.Ties} ties")})" : "";
        string wins = $"better in {difference.Wins} of {Comparison.SeedCount(estimate.Count)}{ties}";
        return $"{Lab.Numbers.SignedFraction(estimate.Mean)}{range} {decoding}, {wins}";
    }
}
