using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class RegimeFindingsTests
{
    private static readonly Regime Regime = Regimes.Named("base-to-better");

    // Greedy and sampled accuracy in each of the seeds; a seed's luck is in all of them.
    private static IEnumerable<MethodResult> Row(string method, string? reference, params (double Greedy, double Sampled)[] seeds) =>
        seeds.Select((s, i) => new MethodResult
        {
            Regime = Regime.Name,
            Seed = (ulong)i + 1,
            Method = method,
            Role = SampleComparison.RoleOf(method),
            Reference = reference,
            Greedy = s.Greedy + .05 * i,
            Sampled = s.Sampled + .05 * i,
            Kl = .5,
        });

    private static IEnumerable<MethodResult> Even(string method, string? reference, double greedy, double sampled) =>
        Row(method, reference, (greedy, sampled), (greedy, sampled), (greedy, sampled));

    // SFT .4/.3, continued SFT .42/.32, SFT at T = 0.5 −/.4.
    private static List<MethodResult> Controls() =>
        [.. Even("SFT", null, .4, .3), .. Even("continued SFT", null, .42, .32), .. Even("SFT at T = 0.5", null, double.NaN, .4)];

    private static IReadOnlyList<Finding> Of(params IEnumerable<MethodResult>[] rows) =>
        new RegimeFindings(new RegimeResults(Regime, [.. Controls(), .. rows.SelectMany(r => r)])).All();

    private static Finding Only(IReadOnlyList<Finding> findings, string claim) => Assert.Single(findings, f => f.Claim == claim);

    [Fact]
    public void A_method_above_SFT_and_continued_SFT_in_both_is_called_better()
    {
        Finding finding = Only(Of(Even("DPR", "base", .6, .5)), "Better than SFT and than continued SFT, greedy and sampled");
        Assert.Equal(Outcome.Better, finding.Outcome);
        Assert.Equal("DPR (+.200 / +.200)", finding.Evidence); // the main reference goes without saying
    }

    [Fact]
    public void Methods_are_known_by_their_roles_and_not_by_their_printed_names()
    {
        MethodResult Renamed(MethodResult r) => r with { Method = $"X{(int)r.Role}" };
        var results = new RegimeResults(Regime, [.. Controls().Select(Renamed), .. Even("DPR", "base", .6, .5).Select(Renamed)]);
        string name = $"X{(int)MethodRole.Dpr}";
        Assert.Equal($"{name} (+.200 / +.200)",
            Only(new RegimeFindings(results).All(), "Better than SFT and than continued SFT, greedy and sampled").Evidence);
        Assert.Equal($"{name}, with the main reference", Assert.Single(OverallFindings.Of([results])).Claim);
    }

    [Fact]
    public void Another_reference_is_named() =>
        Assert.Equal("DPR, reference 50% (+.200 / +.200)",
            Only(Of(Even("DPR", "50%", .6, .5)), "Better than SFT and than continued SFT, greedy and sampled").Evidence);

    [Fact]
    public void An_ensemble_is_named_with_all_its_references() =>
        Assert.Equal(
            "DPR, ensemble, reference base+10%+25% (+.200 / +.200)",
            Only(Of(Even("DPR, ensemble", "base+10%+25%", .6, .5)), "Better than SFT and than continued SFT, greedy and sampled").Evidence);

    [Fact]
    public void Better_than_SFT_alone_is_not_better_than_continued_SFT()
    {
        IReadOnlyList<Finding> findings = Of(Even("DPR", "base", .41, .31));
        Assert.StartsWith("DPR (+.010",
            Only(findings, "Better than SFT, greedy or sampled, but not clearly better than continued SFT").Evidence);
        Assert.Equal(Outcome.Unclear,
            Only(findings, "No method is clearly better than SFT and than continued SFT in both, greedy and sampled").Outcome);
    }

    [Fact]
    public void Every_form_of_continued_SFT_has_to_be_beaten()
    {
        MethodResult[] tuned = [.. Even("continued SFT", null, .65, .55).Select(c => c with { Knob = "rate ×", Value = 3, Chosen = true })];
        MethodResult[] onLastPart = [.. Even("further", null, .65, .55).Select(c => c with { Role = MethodRole.ContinuedOnLastPart })];
        Assert.All((MethodResult[][])[tuned, onLastPart], continued =>
            Assert.DoesNotContain(Of(Even("DPR", "base", .6, .5), continued), f =>
                f.Claim.StartsWith("Better than SFT and than continued SFT", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_role_s_main_method_has_the_main_reference_and_no_varied_setting_whatever_came_first()
    {
        MethodResult[] plain = [.. Even("DPR", "base", .6, .5)], half = [.. Even("DPR", "50%", .7, .6)],
            varied = [.. plain.Select(c => c with { Knob = "β", Value = 3, Chosen = true })];
        foreach (MethodResult[] first in (MethodResult[][])[plain, half, varied])
        {
            ComparedMethod main = new RegimeResults(Regime, [.. Controls(), .. first, .. plain.Concat(half).Concat(varied).Except(first)])
                .Main(MethodRole.Dpr)!;
            Assert.Equal(("base", null), (main.Reference, main.Knob));
        }
    }

    [Fact]
    public void A_gain_in_one_decoding_only_is_said_to_be_one()
    {
        IReadOnlyList<Finding> findings = Of(Row("DPR", "base", (.4, .5), (.5, .5), (.3, .5)),
            Row("DPR, floor", "base", (.6, .3), (.6, .4), (.6, .2)));
        Assert.StartsWith("DPR (", Only(findings, "Better than SFT and than continued SFT only sampled").Evidence);
        Assert.StartsWith("DPR, floor (", Only(findings, "Better than SFT and than continued SFT only greedy").Evidence);
    }

    [Fact]
    public void A_gain_in_one_decoding_and_a_loss_in_the_other_is_no_gain()
    {
        IReadOnlyList<Finding> findings = Of(Even("DPR", "base", .3, .5));
        Assert.Equal(Outcome.Unclear, Only(findings, "Better than SFT in one way and worse in the other").Outcome);
        Assert.DoesNotContain(findings, f => f.Claim.StartsWith("Better than SFT and", StringComparison.Ordinal));
    }

    [Fact]
    public void A_loss_is_called_one() =>
        Assert.Equal(Outcome.Worse,
            Only(Of(Even("DPR", "base", .3, .2)), "Worse than SFT, greedy or sampled, and better in neither").Outcome);

    [Fact]
    public void An_interval_that_includes_zero_is_no_difference() =>
        Assert.StartsWith("DPR (", Only(Of(Row("DPR", "base", (.5, .4), (.4, .3), (.3, .2))), "No clear difference to SFT").Evidence);

    [Theory]
    [InlineData(.5, "Sampling better than SFT at T = 0.5, which needs no training", Outcome.Better)]
    [InlineData(.35, "Sampling better than SFT, but worse than SFT at T = 0.5, which needs no training", Outcome.Worse)]
    public void Sampling_SFT_at_a_lower_temperature_is_the_measure_of_sampled_gains(double sampled, string claim, Outcome outcome)
    {
        Finding finding = Only(Of(Even("DPR", "base", .6, sampled)), claim);
        Assert.Equal(outcome, finding.Outcome);
        Assert.Contains("SFT at T = 0.5 reaches .450, +.100 [+.100, +.100] against T = 1", finding.Evidence);
    }

    [Fact]
    public void What_cannot_be_told_from_SFT_at_a_lower_temperature_is_not_above_it()
    {
        IReadOnlyList<Finding> findings = Of(Row("DPR", "base", (.6, .38), (.6, .4), (.6, .44)));
        Only(findings, "Sampling better than SFT, but not clearly better than SFT at T = 0.5, which needs no training");
    }

    [Fact]
    public void Methods_that_see_the_verifier_are_set_apart()
    {
        IReadOnlyList<Finding> findings = Of(Even("RLOO, verifier as reward (oracle)", null, .9, .9));
        Assert.StartsWith("RLOO", Only(findings, "For comparison, methods that the verifier tells which responses are right").Evidence);
        Assert.DoesNotContain(findings, f => f.Claim.StartsWith("Better", StringComparison.Ordinal));
    }

    [Fact]
    public void A_collapse_is_told_and_its_seed_left_out_of_the_means()
    {
        MethodResult[] cells = [.. Even("DPR", "base", .6, .5)];
        cells[2] = cells[2] with { Failure = "the policy collapsed", Greedy = double.NaN, Sampled = double.NaN };
        var results = new RegimeResults(Regime, [.. Controls(), .. cells]);
        Assert.Equal("in 1 of 3 seeds, which its means leave out",
            Only(new RegimeFindings(results).All(), "DPR, reference base collapsed").Evidence);
        string table = RegimeTables.Accuracy(results).ToMarkdown();
        Assert.Contains("| 2 of 3 |", table);
        Assert.Contains("looks better than it is", table);
        Assert.DoesNotContain("NaN", table);
    }

    [Fact]
    public void Two_seeds_allow_no_claim()
    {
        MethodResult[] cells = [.. Controls().Concat(Even("DPR", "base", .6, .5)).Where(c => c.Seed < 3)];
        Finding only = Assert.Single(new RegimeFindings(new RegimeResults(Regime, cells)).All());
        Assert.Equal(("Nothing is claimed", Outcome.Unmeasured), (only.Claim, only.Outcome));
    }

    [Fact]
    public void A_missing_control_is_said_to_be_missing()
    {
        MethodResult[] cells = [.. Controls().Where(c => c.Role != MethodRole.ContinuedSft), .. Even("DPR", "base", .6, .5)];
        Only(new RegimeFindings(new RegimeResults(Regime, cells)).All(), "Better than SFT (continued SFT was not run), greedy and sampled");
        Assert.Equal("Nothing can be said",
            Assert.Single(new RegimeFindings(new RegimeResults(Regime, Even("DPR", "base", .6, .5))).All()).Claim);
    }

    [Fact]
    public void Dense_and_sentence_level_rewards_are_compared_at_equal_KL_only()
    {
        List<MethodResult> cells = Controls();
        for (ulong seed = 101; seed <= 103; seed++)
        {
            MethodResult Sweep(string method, double? beta, double kl, double accuracy) => new()
            {
                Regime = Regime.Name,
                Seed = seed,
                Sweep = true,
                Method = method,
                Role = SampleComparison.RoleOf(method),
                Reference = method == "SFT" ? null : "base",
                Knob = beta is null ? null : "β",
                Value = beta,
                Kl = kl,
                Greedy = accuracy,
                Sampled = accuracy,
            };

            // At equal β sentence-level is far ahead, for it goes twice as far; at equal KL both lie on one line.
            cells.AddRange([Sweep("SFT", null, 0, .4), Sweep("DPR", 1, .5, .5), Sweep("sentence-level REINFORCE", 1, 1, .6)]);
        }

        Finding finding = Assert.Single(new RegimeFindings(new RegimeResults(Regime, cells)).All(), f =>
            f.Claim.Contains("equal KL", StringComparison.Ordinal));
        Assert.Equal("DPR and the sentence-level reward at equal KL: no clear difference", finding.Claim);
        Assert.Contains("at 0.5 nats ±.000", finding.Evidence);
    }

    [Fact]
    public void Over_regimes_it_is_counted_where_a_method_helps_and_where_it_harms()
    {
        MethodResult[] here = [.. Controls(), .. Even("DPR", "base", .6, .5)];
        MethodResult[] there = [.. Controls().Concat(Even("DPR", "base", .2, .1)).Select(c => c with { Regime = "base-to-curated" })];
        RegimeResults[] regimes = [new(Regime, here), new(Regimes.Named("base-to-curated"), there)];
        Finding finding = Assert.Single(OverallFindings.Of(regimes));
        Assert.Equal("DPR, with the main reference", finding.Claim);
        Assert.Equal(
            "clearly better than SFT and continued SFT greedy and sampled in 1 (base-to-better) of 2 regimes; worse than SFT in 1 "
                + "(base-to-curated)", finding.Evidence);
        Assert.Equal(Outcome.Unclear, finding.Outcome);

        // A regime with too few seeds for intervals says nothing, and does not silence the others.
        RegimeResults few = new(Regimes.Named("noisy"), here.Where(c => c.Seed == 1).Select(c => c with { Regime = "noisy" }));
        Assert.Equal(finding, Assert.Single(OverallFindings.Of([.. regimes, few])));
        Assert.Empty(OverallFindings.Of([few]));

        // In each regime continued SFT and DPR greedy and sampled, and SFT at T = 0.5 sampled: five intervals, all of width 0.
        Assert.StartsWith("Of 10 intervals of differences to SFT 10 exclude zero", OverallFindings.Multiplicity(regimes));

        // One in twenty excludes a true zero: of 43 about 2.
        RegimeResults many = new(Regime, [.. Controls(), .. Enumerable.Range(0, 20).SelectMany(i => Even($"method {i}", null, .6, .5))]);
        Assert.StartsWith("Of 43 intervals of differences to SFT 43 exclude zero; if no method differed from SFT, about 2 would by chance",
            OverallFindings.Multiplicity([many]));
    }
}
