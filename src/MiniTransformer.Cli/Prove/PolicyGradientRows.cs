using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Cli.Prove;

/// <summary>T5, T6: P9 through the transformer, the tape and the trainer, where all responses can be enumerated.</summary>
internal sealed class PolicyGradientRows(Formulas formulas)
{
    /// <summary>Responses that the trainer draws for its estimate.</summary>
    public const int Draws = 8192;

    private const double Discount = 0.5;

    private readonly Tally expectation = new("T5", "E_π Σ G_t ∇log π = ∇(E_π Σ r̂ − β KL)");

    // Four standard errors are exceeded by chance 6e-5 of the times: with three directions in each of five worlds, for one seed in a
    // thousand.
    private readonly Tally estimate = new("T6", "the trainer's estimate, in standard errors") { Tolerance = 4, Failure = 4 };
    private bool estimated;

    /// <summary>The rows; T6 is there if some world was estimated.</summary>
    public ProofRow[] Rows => estimated ? [expectation.Row(), estimate.Row()] : [expectation.Row()];

    /// <summary>Checks the world of one seed.</summary>
    public void Check(Device device, ulong seed, bool withEstimate)
    {
        var rng = new Rng(seed);
        using var world = new TokenWorld(device, rng);
        double[] probability = world.Probabilities();
        float[][] exact = world.ExactGradient();
        float[][] expected = world.Reinforce(world.Returns(formulas, gamma: 1), y => probability[y]);
        float[][] discounted = world.Reinforce(world.Returns(formulas, Discount), y => probability[y]);
        expectation.Add(Gradients.Error(exact, expected, exact), ("γ = 0.5", Gradients.Error(exact, discounted, exact)));
        if (withEstimate) Estimate(world, probability, exact, rng, seed);
    }

    private void Estimate(TokenWorld world, double[] probability, float[][] exact, Rng rng, ulong seed)
    {
        estimated = true;
        float[] returns = world.ExactReturns();
        float[][][] one = [.. probability.Select((_, b) => world.Reinforce(returns, y => y == b ? 1 : 0))];

        // Three directions in the space of parameters: the gradient, the first response's contribution to it, and a random one.
        float[][] random = [.. exact.Select(x => x.Select(_ => (float)rng.NextNormal()).ToArray())];
        float[][][] directions = [exact, one[0], random];
        float[][] right = world.TrainerEstimate(formulas.Reinforcement, Draws, gamma: 1, seed);
        float[][] wrong = world.TrainerEstimate(formulas.Reinforcement, Draws, gamma: 0, seed);
        double error = 0, control = 0;
        foreach (float[][] direction in directions)
        {
            // The variance of one response's gradient along the direction, enumerated.
            double mean = Gradients.Dot(exact, direction), second = 0;
            for (int y = 0; y < one.Length; y++) second += probability[y] * Math.Pow(Gradients.Dot(one[y], direction), 2);
            double standardError = Math.Sqrt((second - mean * mean) / Draws);
            error = Math.Max(error, Math.Abs(Gradients.Dot(right, direction) - mean) / standardError);
            control = Math.Max(control, Math.Abs(Gradients.Dot(wrong, direction) - mean) / standardError);
        }

        estimate.Add(error, ("γ = 0", control));
    }
}
