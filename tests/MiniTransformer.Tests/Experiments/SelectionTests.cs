using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Experiments;

public class SelectionTests
{
    private static readonly Method Dpr = new DprMethod("base").AtBeta(1);

    [Fact]
    public void The_setting_with_the_best_validation_accuracy_on_average_over_the_sweep_is_chosen()
    {
        // means .25 and .30
        MethodResult[] cells = [Cell(1, 101, .4, .2), Cell(1, 102, .2, .2), Cell(3, 101, .3, .3), Cell(3, 102, .4, .2)];
        Assert.Equal(3, Selection.Best(cells, "r", Dpr));
    }

    [Fact]
    public void Evaluation_numbers_and_evaluation_seeds_do_not_enter_the_choice()
    {
        MethodResult[] cells =
        [
            Cell(1, 101, .3, .3) with { Greedy = 0, Sampled = 0 }, Cell(3, 101, .2, .2) with { Greedy = 1, Sampled = 1 },
            Cell(3, 1, .9, .9) with { Sweep = false },
        ];
        Assert.Equal(1, Selection.Best(cells, "r", Dpr));
    }

    [Fact]
    public void A_collapsed_policy_is_worth_nothing()
    {
        MethodResult[] cells = [Cell(1, 101, .1, .1), Cell(3, 101, double.NaN, double.NaN) with { Failure = "too far" }];
        Assert.Equal(1, Selection.Best(cells, "r", Dpr));

        // A collapse in one seed of two counts as 0 in the mean, .25: it is not left out of it.
        cells = [Cell(1, 101, .3, .3), Cell(1, 102, .3, .3), Cell(3, 101, .5, .5),
            Cell(3, 102, double.NaN, double.NaN) with { Failure = "too far" }];
        Assert.Equal(1, Selection.Best(cells, "r", Dpr));
    }

    [Fact]
    public void Cells_of_another_regime_method_reference_or_knob_are_left_out()
    {
        MethodResult[] cells =
        [
            Cell(1, 101, .1, .1), Cell(3, 101, .9, .9) with { Regime = "s" }, Cell(3, 101, .9, .9) with { Method = "SPIN" },
            Cell(3, 101, .9, .9) with { Reference = "50%" }, Cell(3, 101, .9, .9) with { Knob = "γ" },
        ];
        Assert.Equal(1, Selection.Best(cells, "r", Dpr));
        Assert.Null(Selection.Best([], "r", Dpr));
    }

    private static MethodResult Cell(double beta, ulong seed, double greedy, double sampled) => new()
    {
        Regime = "r",
        Seed = seed,
        Method = "DPR",
        Reference = "base",
        Knob = "β",
        Value = beta,
        Sweep = true,
        ValidationGreedy = greedy,
        ValidationSampled = sampled,
    };
}
