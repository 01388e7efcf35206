using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Experiments;

public class MethodsTests
{
    public static TheoryData<string> Names => [.. Regimes.All.Select(r => r.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_cells_of_a_world_have_labels_of_their_own(string name)
    {
        Regime regime = Regimes.Named(name);
        string[] evaluation = [.. Methods.OfEvaluation(regime, []).Select(c => c.Method.Label)],
            sweep = [.. Methods.OfSweep(regime).Select(m => m.Label)];
        Assert.Equal(evaluation.Distinct(), evaluation);
        Assert.Equal(sweep.Distinct(), sweep);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_method_that_names_a_reference_names_one_that_the_regime_has(string name)
    {
        Regime regime = Regimes.Named(name);
        IEnumerable<Method> methods = Methods.OfSweep(regime).Concat(Methods.OfEvaluation(regime, []).Select(c => c.Method));
        Assert.All(methods.Select(m => m.Reference).OfType<string>().SelectMany(r => r.Split('+')), r =>
            Assert.Contains(r, World.ReferencesOf(regime)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_role_belongs_to_one_method_of_a_reference_and_the_course_of_defaults_alone_is_followed(string name)
    {
        Regime regime = Regimes.Named(name);
        var central = Methods.Of(regime).Where(m => m.Role is not (MethodRole.Other or MethodRole.SeesJudge))
            .Select(m => (m.Role, m.Reference)).ToArray();
        Assert.Equal(central.Distinct(), central);
        Assert.Contains(Methods.Of(regime), Methods.HasCurve);
        Assert.DoesNotContain(Methods.StrengthSweeps(regime).SelectMany(sweep => sweep.All), Methods.HasCurve);
    }

    [Fact]
    public void The_setting_that_the_sweep_chose_is_run_beside_the_default_and_not_where_it_is_the_default()
    {
        Regime regime = Regimes.All[0];
        MethodResult best = new()
        {
            Regime = regime.Name,
            Seed = 101,
            Method = "DPR",
            Reference = "base",
            Knob = "β",
            Value = .3,
            Sweep = true,
            ValidationGreedy = 1,
            ValidationSampled = 1
        };
        Method chosen = Assert.Single(Methods.OfEvaluation(regime, [best]), c => c.Chosen).Method;
        Assert.Equal("DPR, reference base, β = 0.3", chosen.Label);
        Assert.DoesNotContain(Methods.OfEvaluation(regime, [best with { Value = regime.Dpr.Beta }]), c => c.Chosen);
    }

    [Fact]
    public void A_discount_changes_the_settings_and_keeps_the_earlier_changes()
    {
        var method = new DprMethod("base") { Settings = o => o with { SentenceLevel = true } };
        var options = method.AtBeta(3).Settings(Regimes.All[0].Dpr);
        Assert.True(options.SentenceLevel);
        Assert.Equal(3, options.Beta);
        Assert.Equal(1, options.Gamma);
    }
}
