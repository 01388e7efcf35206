using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class WorldFactTablesTests
{
    private static MethodResult Cell(string method, string? reference, double greedy, ulong seed = 1) =>
        new()
        {
            Regime = "base-to-better",
            Seed = seed,
            Method = method,
            Role = SampleComparison.RoleOf(method),
            Reference = reference,
            Greedy = greedy
        };

    private static WorldFacts Facts(Advice advice, ulong seed = 1, double auc = .9) =>
        new("base-to-better", seed, [], advice, SampleComparison.Planted("base", auc, seed));

    [Fact]
    public void A_forecast_is_paired_with_what_DPR_reached_with_that_reference()
    {
        MethodResult[] cells =
        [
            Cell("SFT", null, .4), Cell("DPR", "base", .7), Cell("DPR", "50%", .3),
            Cell("DPR", "base", .9) with { Knob = "β", Value = .3 }, Cell("DPR, floor", "base", .8),
            Cell("continued SFT", null, .45), Cell("continued SFT", null, .5) with { Knob = "rate ×", Value = 3 },
        ];
        AdvisorRecord record = Assert.Single(AdvisorTables.Records(cells,
            [Facts(SampleComparison.Advice(.02, ("base", .2), ("10%", .25), ("50%", -.1)))]));
        Assert.Equal(["base", "50%"], record.References.Select(r => r.Name)); // DPR was not run with 10%
        Assert.Equal([.2, -.1], record.References.Select(r => r.Predicted));
        Assert.Equal([.3, -.1], record.References.Select(r => Math.Round(r.Realised, 12)));
        Assert.Equal((.02, .05), (record.Continued!.Predicted, Math.Round(record.Continued.Realised, 12)));
    }

    [Fact]
    public void The_default_of_a_sweep_seed_is_the_cell_at_its_default_value()
    {
        MethodResult[] cells = [Cell("SFT", null, .4), Cell("DPR", "base", .7),
            .. new[] { .3, 1.0, 3.0 }.Select(x => Cell("continued SFT", null, .4 + x / 100) with { Knob = "rate ×", Value = x })];
        AdvisorRecord record = Assert.Single(AdvisorTables.Records(cells, [Facts(SampleComparison.Advice(.02, ("base", .2)))]));
        Assert.Equal(.01, record.Continued!.Realised, 12);
    }

    [Fact]
    public void A_collapsed_policy_reached_nothing()
    {
        MethodResult[] cells = [Cell("SFT", null, .4), Cell("DPR", "base", double.NaN) with { Failure = "collapsed" }];
        Assert.Equal(-.4, AdvisorTables.Records(cells, [Facts(SampleComparison.Advice(null, ("base", .2)))])[0].References[0].Realised, 12);
    }

    [Fact]
    public void Advice_by_likelihood_and_worlds_without_results_are_left_out()
    {
        WorldFacts byLikelihood = Facts(SampleComparison.Advice(null, ("base", .2)) with { ScoredBy = AdviceScore.LogLikelihood });
        Assert.Empty(AdvisorTables.Records([Cell("SFT", null, .4), Cell("DPR", "base", .7)], [byLikelihood]));
        Assert.Empty(AdvisorTables.Records([Cell("SFT", null, .4, seed: 2)], [Facts(SampleComparison.Advice(null, ("base", .2)))]));
    }

    [Fact]
    public void Regret_is_what_the_best_choice_gains_more()
    {
        // Seed 1: DPR is advised and best, +.3. Seed 2: DPR is advised, loses .1, and stopping would have been best.
        AdvisorRecord[] records =
        [
            new("r", 1, [new AdvisedGain("base", .2, .3)]), new("r", 2, [new AdvisedGain("base", .1, -.1)]),
        ];
        ReportTable table = AdvisorTables.ByRegime(records);
        Assert.Equal(["r", "all"], table.Rows.Select(r => r[0].Text));
        Assert.Equal(["2", ".500 (1 of 2)", ".500 (1 of 2)", "1.00", "+.100", "+.150", ".050"], table.Rows[1].Skip(1).Select(c => c.Text));
        ReportTable choices = AdvisorTables.Choices(records);
        Assert.Equal(["what the advisor says", "always DPR, reference base", "always stop"], choices.Rows.Select(r => r[0].Text));
        Assert.Equal(["2", "±.000", ".150"], choices.Rows[2].Skip(1).Select(c => c.Text));
    }

    [Fact]
    public void Planted_errors_are_means_over_seeds_with_the_main_reference_in_one_row()
    {
        Regime[] regimes = [Regimes.Named("base-to-better"), Regimes.Named("noisy")];
        WorldFacts[] facts =
        [
            Facts(SampleComparison.Advice(null), 1, .9), Facts(SampleComparison.Advice(null), 2, .8),
            Facts(SampleComparison.Advice(null)) with { Regime = "noisy", Planted = SampleComparison.Planted("10%", .7, 1) },
        ];
        ReportTable table = PlantedErrorSummary.Table(regimes, facts)!;
        IReadOnlyList<ReportCell> main = Assert.Single(table.Rows, r => r[0].Text == "r̂, main reference");
        Assert.Equal((".750 / .850", ".600 / .700"), (main[1].Text, main[2].Text));
        Assert.Equal(["chance", ".180 / .500", ".180 / .500"], table.Rows[^1].Select(c => c.Text));
        Assert.Null(PlantedErrorSummary.Table([Regimes.Named("clean")], facts));
    }
}
