using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// What the parts of a comparison cost, in sequences that SFT trains on meanwhile: what the time left is forecast by. Only ratios count,
/// and they are right within a third or so, for models of the built-in regimes' size.
/// </summary>
internal static class Work
{
    // A response that is drawn and judged, and one that other policies score besides.
    private const double Drawn = .4, Scored = 1;

    // The advisor's forecasts, planted errors and rewards by position: responses to each validation prompt.
    private const int ResponsesOfFacts = 16;

    /// <summary>A world's preparation: its base, its SFT and, but in a demo, what is measured of the world itself.</summary>
    public static double OfPreparation(Regime regime, bool isDemo) =>
        (regime.PretrainsBase ? (double)regime.Pretraining.Steps * regime.Pretraining.BatchSize : 0)
        + (double)regime.Sft.StepsFor(regime.DemonstrationCount) * regime.Sft.BatchSize
        + (isDemo ? 0 : Validation(regime) * ResponsesOfFacts * Drawn);

    /// <summary>A method: its training, and its measurement.</summary>
    public static double Of(Method method, Regime regime) =>
        method.Steps(regime) * method.StepWork(regime) + Evaluation(regime) * (Drawn + Scored) + 2 * Validation(regime) * Drawn;

    private static int Validation(Regime regime) => regime.Own?.Validation.Count ?? regime.Sizes.Validation;

    private static int Evaluation(Regime regime) => regime.Own?.Evaluation.Count ?? regime.Sizes.Evaluation;
}
