namespace MiniTransformer.Lab;

/// <summary>The tables of a comparison at equal KL, one for each KL.</summary>
public static class MatchedKlTables
{
    /// <summary>Accuracy of every family at each target, and its difference to the first family.</summary>
    /// <param name="matched">The comparison.</param>
    /// <param name="regime">The regime's name, for the titles.</param>
    public static IReadOnlyList<ReportTable> Of(MatchedKl matched, string regime) =>
        [.. matched.Targets.Select(kl => At(matched, regime, kl))];

    private static ReportTable At(MatchedKl matched, string regime, double kl)
    {
        KlFamily first = matched.Families[0];
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (KlFamily family in matched.Families)
        {
            Estimate greedy = matched.Level(family, kl, Decoding.Greedy), sampled = matched.Level(family, kl, Decoding.Sampled);
            PairedDifference? greedyGain = family == first ? null : matched.Difference(family, first, kl, Decoding.Greedy);
            PairedDifference? sampledGain = family == first ? null : matched.Difference(family, first, kl, Decoding.Sampled);
            rows.Add(
            [
                $"{family.Name} ({family.Knob})", Comparison.Level(greedy), Comparison.Level(sampled),
                greedyGain is null ? Numbers.None : Comparison.Gain(greedyGain),
                greedyGain is null ? Numbers.None : Comparison.Wins(greedyGain),
                sampledGain is null ? Numbers.None : Comparison.Gain(sampledGain),
                sampledGain is null ? Numbers.None : Comparison.Wins(sampledGain),
                $"{greedy.Count} of {matched.Seeds}",
            ]);
        }

        return new ReportTable(
            $"{regime}: at KL(π‖π_SFT) = {Numbers.Plain(kl)} nats a response",
            ["method (what was varied)", "greedy", "sampled", $"greedy minus {first.Name}", "seeds better", "sampled", "seeds better",
                "reached in"], rows, Note(matched));
    }

    private static string Note(MatchedKl matched)
    {
        string intervals = matched.Seeds < Statistics.FewestForInterval
            ? $"No intervals with {Comparison.SeedCount(matched.Seeds)} of the sweep."
            : $"Student's 95% intervals over the sweep's {Comparison.SeedCount(matched.Seeds)}.";
        string[] folded = [.. matched.Families.Where(f => f.Folded > 0).Select(f => $"{f.Name} ({f.Folded} of {f.Curves.Count} seeds)")];
        return $"Interpolated linearly between the two neighbouring settings, in order of KL; from KL = 0 on, where all begin at SFT. "
            + "Nothing is extrapolated: a method "
            + $"that did not go so far in a seed is missing there. {intervals}"
            + (folded.Length > 0
                ? $" KL did not follow the setting throughout, and was ordered all the same, for {string.Join(", ", folded)}."
                : "");
    }
}
