using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>
/// A policy, an expert and a reference over three tokens, and responses to one prompt of at most three tokens: 15 of them in 7 states, so
/// that every expectation is a sum.
/// </summary>
internal sealed class TokenWorld : IDisposable
{
    /// <summary>Weight of the KL penalty.</summary>
    public const double Beta = 0.5;

    private const int Vocabulary = 3, Horizon = 3, End = 2;

    private readonly int[] prompt;
    private readonly TokenMdp mdp = new(Vocabulary, Horizon, End);

    /// <summary>Random transformers and a random prompt of one to three tokens.</summary>
    public TokenWorld(Device device, Rng rng)
    {
        var config = new TransformerConfig
        {
            VocabSize = Vocabulary,
            HiddenSize = 8,
            IntermediateSize = 8,
            NumLayers = 1,
            NumHeads = 2,
            NumKeyValueHeads = 1,
            MaxPositions = 8,
        };
        (Policy, Expert, Reference) = (New(), New(), New());
        prompt = [.. Enumerable.Range(0, 1 + rng.NextInt(3)).Select(_ => rng.NextInt(Vocabulary))];
        Responses = new ResponseBatch([.. ResponseEnumeration.All(mdp).Select(y => new Example(prompt, y.Tokens))]);

        // 0.4: rewards of about 1 nat, and no policy near certainty.
        Transformer New() => PolicyCase.Perturbed(device, config, rng, deviation: 0.4);
    }

    /// <summary>π_θ.</summary>
    public Transformer Policy { get; }

    /// <summary>π_SFT.</summary>
    public Transformer Expert { get; }

    /// <summary>π_ref.</summary>
    public Transformer Reference { get; }

    /// <summary>Every complete response, once.</summary>
    public ResponseBatch Responses { get; }

    /// <summary>
    /// ∇_θ ( E_π[Σ r̂] − β KL(π‖π_SFT) ): the theory differentiates the exact objective by the table of logits, in double; the tape takes
    /// dJ/dlogits on to the parameters.
    /// </summary>
    public float[][] ExactGradient()
    {
        double[][] logSft = SoftBellman.LogPolicy(Table(Expert));
        double[][] reward = BaselineReward.Of(logSft, SoftBellman.LogPolicy(Table(Reference)));
        double[][] gradient = ExactPolicyGradient.OfObjective(mdp, Table(Policy), reward, Beta, logSft); // (S, K)
        float[] dLogits = [.. gradient.SelectMany(row => row).Select(x => (float)x)];
        return Gradients.Of(Policy, States(), (tape, rows, _, _) =>
        {
            Tensor logits = rows.Logits();
            return (logits * tape.Constant(dLogits, logits.Shape)).Sum();
        }).Gradient;
    }

    /// <summary>G_t of every response token by training's own formulas, for the reward r̂ − β (log π_θ − log π_SFT).</summary>
    public float[] Returns(Formulas formulas, double gamma)
    {
        RecoveredRewards recovered = formulas.Recover(new DenseReward(Expert, Reference), Responses);
        float[] own = LogProbs();
        float[] rewards = [.. recovered.RHat.Select((r, i) => (float)(r - Beta * (own[i] - recovered.LogProb[i])))];
        return formulas.ToGo(rewards, Responses.Starts, gamma);
    }

    /// <summary>The same returns for γ = 1 by the theory, in double.</summary>
    public float[] ExactReturns()
    {
        double[][] logPolicy = SoftBellman.LogPolicy(Table(Policy)), logSft = SoftBellman.LogPolicy(Table(Expert));
        double[][] rHat = BaselineReward.Of(logSft, SoftBellman.LogPolicy(Table(Reference)));
        double[][] reward = mdp.Table((s, a) => rHat[s][a] - Beta * (logPolicy[s][a] - logSft[s][a]));
        return [.. ResponseEnumeration.All(mdp).SelectMany(ExactPolicyGradient.ReturnToGo(reward)).Select(g => (float)g)];
    }

    /// <summary>
    /// Σ_y w(y) Σ_t G_t ∇ log π(a_t|s_t) on the tape: with w(y) = π_θ(y) the estimator's expectation, with w = 1 at one response alone what
    /// this response contributes to an estimate.
    /// </summary>
    public float[][] Reinforce(float[] returns, Func<int, double> weightOf)
    {
        float[] weights = [.. returns];
        for (int b = 0; b < Responses.B; b++)
            for (int i = Responses.Starts[b]; i < Responses.Starts[b + 1]; i++) weights[i] *= (float)weightOf(b);
        return Gradients.Of(
            Policy, Responses,
            (tape, rows, batch, _) => rows.LogProb(tape.Targets(batch)).WeightedSum(tape.Constant(weights, new Shape(batch.N)))).Gradient;
    }

    /// <summary>π_θ(y) of each response.</summary>
    public double[] Probabilities()
    {
        float[] logProb = LogProbs();
        return [.. Enumerable.Range(0, Responses.B)
            .Select(b => Math.Exp(logProb[Responses.Starts[b]..Responses.Starts[b + 1]].Sum(x => (double)x)))];
    }

    /// <summary>The trainer's own estimate: the gradient of its first update on so many draws, without baseline and whitening.</summary>
    public float[][] TrainerEstimate(DprOptions options, int draws, double gamma, ulong seed)
    {
        options = options with
        {
            Updates = 1,
            WarmupUpdates = 0,
            PromptsPerUpdate = draws,
            MaxTokens = Horizon,
            Gamma = gamma,
            Baseline = Baseline.None,
            Whiten = false,
            Beta = Beta,
            KlForm = KlForm.K1InReward,
            Ends = End,
            Seed = seed,
            CollapseKl = double.PositiveInfinity,
        };
        using Transformer trained = Policy.Clone(trainable: true);
        using var optimizer = new AdamW(trained.Parameters, new AdamWOptions { Beta1 = 0.5f, ClipNorm = 0 });
        int[][] prompts = [.. Enumerable.Repeat(prompt, draws)];
        DprStep step = DensePathReinforce.Train(trained, new DenseReward(Expert, Reference), prompts, options, optimizer).Single();

        // After one step m = (1 − β₁) g. The loss is a mean over tokens of −G log π: times tokens per response, it is a mean over
        // responses.
        double perResponse = -step.Length / (1 - 0.5);
        return [.. optimizer.State().Where(s => s.Name.StartsWith("adamw.m.", StringComparison.Ordinal))
            .Select(s => s.Values.Select(m => (float)(perResponse * m)).ToArray())];
    }

    /// <summary>Frees the models.</summary>
    public void Dispose()
    {
        Policy.Dispose();
        Expert.Dispose();
        Reference.Dispose();
    }

    // One row of logits for each state of the MDP, in its order.
    private ResponseBatch States() =>
        new([.. Enumerable.Range(0, mdp.StateCount).Select(s => new Example([.. prompt, .. mdp.Tokens(s)], [0]))]);

    private double[][] Table(Transformer model)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        return [.. model.Logits(tape, States()).ToArray().Chunk(Vocabulary).Select(row => Array.ConvertAll(row, x => (double)x))];
    }

    private float[] LogProbs()
    {
        using Tape tape = Tape.NoGrad(Policy.Device);
        return Policy.Rows(tape, Responses).LogProb(tape.Targets(Responses)).ToArray();
    }
}
