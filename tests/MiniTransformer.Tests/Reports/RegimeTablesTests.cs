using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class RegimeTablesTests
{
    private static readonly Regime[] Two = [Regimes.Named("base-to-better"), Regimes.Named("lazyshift")];
    private static readonly List<MethodResult> Cells = SampleComparison.Cells(Two, 3, 2);
    private static readonly RegimeResults[] Results = [.. Two.Select(r => new RegimeResults(r, Cells))];

    [Fact]
    public void Every_method_that_is_run_has_its_row_in_the_table()
    {
        foreach (RegimeResults results in Results)
        {
            Assert.All(Methods.Of(results.Regime), m => Assert.True(results.Compared.Any(c => c.Label == m.Label), m.Label));
            Assert.Equal(results.Compared.Count, RegimeTables.Accuracy(results).Rows.Count);
        }
    }

    [Fact]
    public void Every_role_is_that_of_a_method_and_conclusions_find_it()
    {
        MethodRole[] roles = [.. Two.SelectMany(Methods.Of).Select(m => m.Role)];
        Assert.All(Enum.GetValues<MethodRole>(), role => Assert.Contains(role, roles));
        MethodRole[] main = [MethodRole.Sft, MethodRole.CoolSft, MethodRole.ContinuedSft, MethodRole.Dpr, MethodRole.FlooredDpr,
            MethodRole.Extrapolation, MethodRole.Sentence];
        foreach (RegimeResults results in Results)
        {
            Assert.All(main, role => Assert.Equal(role, results.Main(role)!.Role));
            Assert.Equal(results.Regime.MainReference, results.Main(MethodRole.Dpr)!.Reference);
        }

        Assert.Contains(Methods.OfSweep(Two[0]), m => m.Knob == DprMethod.Discount);
        Assert.Equal(Methods.StrengthSweeps(Two[0]).Count, Results[0].Matched!.Families.Count);
    }

    [Fact]
    public void A_row_names_its_setting_and_whether_it_was_chosen()
    {
        ComparedMethod[] dpr = [.. Results[0].Compared.Where(r => r is { Method: "DPR", Reference: "base" })];
        Assert.Equal(["β = 1", "β = 0.3, chosen"], dpr.Select(r => r.Setting));
        Assert.Equal("–", Results[0].Compared.Single(r => r.Method == "DPR, centred").Setting); // nothing was varied
    }

    [Fact]
    public void Settings_stand_with_their_validation_and_evaluation_numbers_side_by_side()
    {
        ChosenSetting setting = Results[0].Settings.Single(s => s.Default.Label == "DPR, reference base");
        Assert.Equal((1, .3), (setting.DefaultValue, setting.ChosenValue));
        ReportTable table = RegimeTables.Settings(Results[0])!;
        IReadOnlyList<ReportCell> chosen = table.Rows.Single(r => r[0].Text == "DPR, reference base" && r[2].Text == "chosen");
        MethodResult[] own = [.. Cells.Where(c =>
            c is { Regime: "base-to-better", Sweep: false, Method: "DPR", Reference: "base", Value: .3 })];
        Assert.StartsWith(Numbers.Fraction(own.Average(c => c.ValidationGreedy)), chosen[4].Text);
        Assert.StartsWith(Numbers.Fraction(own.Average(c => c.Greedy)), chosen[6].Text);
        double score = Cells.Where(c =>
            c is { Regime: "base-to-better", Sweep: true, Method: "DPR", Reference: "base", Knob: "β", Value: .3 })
                .Average(Selection.Score);
        Assert.Equal(Numbers.Fraction(score), chosen[3].Text);
        Assert.Equal(Outcome.Better, chosen[8].Outcome);
    }

    [Fact]
    public void Where_the_default_was_chosen_one_row_says_so()
    {
        MethodResult[] cells = [.. Cells.Where(c => !c.Chosen)
            .Select(c => c is { Sweep: true, Value: not null, Knob: "β" } && c.Value != 1
                ? c with { ValidationGreedy = 0, ValidationSampled = 0 }
                : c)];
        var results = new RegimeResults(Two[0], cells);
        IReadOnlyList<ReportCell> row = Assert.Single(RegimeTables.Settings(results)!.Rows, r => r[0].Text == "DPR, reference base");
        Assert.Equal(("β = 1", "default and chosen"), (row[1].Text, row[2].Text));
        ReportCell preset = RegimeSummary.Cell(results, "DPR, main reference"),
            chosen = RegimeSummary.Cell(results, "DPR, main reference, β chosen");
        Assert.Equal(preset.Text, chosen.Text);
    }

    [Fact]
    public void Without_sweeps_there_are_no_settings_and_nothing_at_equal_KL()
    {
        var results = new RegimeResults(Two[0], Cells.Where(c => c is { Sweep: false, Chosen: false }));
        Assert.Null(results.Matched);
        Assert.Null(RegimeTables.Settings(results));
        Assert.Null(RegimeTables.SweepTable(results));
    }

    [Fact]
    public void A_method_has_one_row_over_regimes_whatever_its_reference_there()
    {
        ReportTable table = RegimeSummary.Table(Results);
        Assert.Equal(["method", "base-to-better", "lazyshift", "better in", "worse in"], table.Headers);
        IReadOnlyList<ReportCell> dpr = Assert.Single(table.Rows, r => r[0].Text == "DPR, main reference"); // the base here, 10% there
        string expected = Numbers.SignedFraction(Results[1].Comparison.Difference("DPR, reference 10%", "SFT",
            Decoding.Greedy).Estimate.Mean);
        Assert.StartsWith(expected, dpr[2].Text);
        Assert.Equal("–", Assert.Single(table.Rows, r => r[0].Text == "DPR, reference 10%")[2].Text); // not twice
        Assert.Single(table.Rows, r => r[0].Text.StartsWith("DPR, ensemble", StringComparison.Ordinal));
        Assert.Equal(table.Rows.Count, table.Rows.Select(r => r[0].Text).Distinct().Count());
        Assert.DoesNotContain(table.Rows, r => r.Skip(1).Take(2).All(c => c.Text == Numbers.None));
    }

    [Theory]
    [InlineData(Outcome.Better, Outcome.Unclear, Outcome.Better)]
    [InlineData(Outcome.Better, Outcome.Worse, Outcome.Unclear)]
    [InlineData(Outcome.Unmeasured, Outcome.Worse, Outcome.Worse)]
    [InlineData(Outcome.Unclear, Outcome.Unclear, Outcome.Unclear)]
    [InlineData(Outcome.Unmeasured, Outcome.Unmeasured, Outcome.Unmeasured)]
    public void Two_outcomes_make_one_only_if_they_do_not_contradict(Outcome greedy, Outcome sampled, Outcome combined)
    {
        Assert.Equal(combined, RegimeSummary.Combined(greedy, sampled));
        Assert.Equal(combined, RegimeSummary.Combined(sampled, greedy));
    }

    [Fact]
    public void Bootstrap_intervals_stand_in_a_table_of_their_own()
    {
        ReportTable table = RegimeTables.Bootstrap(Results[0])!;
        Interval interval = Results[0].Comparison.Estimate("SFT", a => a.Greedy).Bootstrap;
        Assert.EndsWith(Numbers.Range(interval), table.Rows.Single(r => r[0].Text == "SFT")[1].Text);
        Assert.Equal("–", table.Rows.Single(r => r[0].Text == "SFT at T = 0.5")[1].Text); // its greedy accuracy is SFT's
    }

    [Fact]
    public void A_regime_without_results_is_refused_by_name() =>
        Assert.Contains("regime noisy has no result",
            Assert.Throws<ArgumentException>(() => new RegimeResults(Regimes.Named("noisy"), Cells)).Message);
}
