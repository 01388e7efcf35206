using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>
/// A policy, an expert and a reference over three tokens, and responses of at most three: 15 of them, so that every expectation is a sum.
/// Objectives are computed in double by the reference forward pass, gradients of them by central differences.
/// </summary>
internal sealed class TinyWorld : IDisposable
{
    public const int End = 2, Horizon = 3;
    public static readonly int[] Prompt = [0, 1];

    private static readonly TransformerConfig Config = new()
    {
        VocabSize = 3,
        HiddenSize = 4,
        IntermediateSize = 3,
        NumLayers = 1,
        NumHeads = 2,
        NumKeyValueHeads = 1,
        MaxPositions = 8,
    };

    private readonly Device device;
    private readonly Dictionary<string, double[]> weights;

    public TinyWorld(string name)
    {
        device = Devices.Open(name);
        Policy = Models.Random(device, Config, seed: 1);
        Expert = Models.Random(device, Config, seed: 2);
        Reference = Models.Random(device, Config, seed: 3);
        weights = WeightsOf(Policy);
        PolicyInDouble = Plain.Of(Config, weights);
        ExpertInDouble = Plain.Of(Config, WeightsOf(Expert));
        ReferenceInDouble = Plain.Of(Config, WeightsOf(Reference));
        Responses = [.. ResponseEnumeration.All(new TokenMdp(Config.VocabSize, Horizon, End)).Select(y => y.Tokens)];
    }

    public Transformer Policy { get; }

    public Transformer Expert { get; }

    public Transformer Reference { get; }

    public PlainLlama PolicyInDouble { get; }

    public PlainLlama ExpertInDouble { get; }

    public PlainLlama ReferenceInDouble { get; }

    /// <summary>All complete responses.</summary>
    public int[][] Responses { get; }

    /// <summary>log π(a_t|s_t) of a response's tokens.</summary>
    public static double[] LogProbs(PlainLlama policy, int[] response) => policy.LogProbs([.. Prompt, .. response])[(Prompt.Length - 1)..];

    /// <summary>log π(·|s_t) at a response's states, (T, V).</summary>
    public static double[][] Rows(PlainLlama policy, int[] response) =>
    [
        .. policy.Logits([.. Prompt, .. response[..^1]])[(Prompt.Length - 1)..]
        .Select(row => LogSoftmaxReference.LogSoftmax(row, row.Length)),
    ];

    /// <summary>r̂ of a response's tokens.</summary>
    public double[] Rewards(int[] response) =>
        [.. LogProbs(ExpertInDouble, response).Zip(LogProbs(ReferenceInDouble, response), (a, b) => a - b)];

    /// <summary>π_θ(y).</summary>
    public double Probability(int[] response) => Math.Exp(LogProbs(PolicyInDouble, response).Sum());

    /// <summary>The gradient of a function of the policy's weights in double, all parameters in one row.</summary>
    public double[] Gradient(Func<double> f)
    {
        const double h = 1e-5;
        var gradient = new List<double>();
        foreach (Parameter p in Policy.Parameters)
        {
            double[] w = weights[p.Name];
            for (int i = 0; i < w.Length; i++)
            {
                double before = w[i];
                w[i] = before + h;
                double up = f();
                w[i] = before - h;
                gradient.Add((up - f()) / (2 * h));
                w[i] = before;
            }
        }

        return [.. gradient];
    }

    /// <summary>∇ Σ_y Σ_t w_t(y) log π_θ(a_t|s_t) through the tape, the weights constant.</summary>
    public double[] TapeGradient(IReadOnlyList<int[]> responses, Func<int[], double[]> weightsOf)
    {
        foreach (Parameter p in Policy.Parameters) p.ZeroGradient();
        var batch = new ResponseBatch([.. responses.Select(y => new Example(Prompt, y))]);
        float[] w = [.. responses.SelectMany(weightsOf).Select(x => (float)x)];
        using Tape tape = Tape.Record(device);
        Tensor logProb = Policy.Rows(tape, batch).LogProb(tape.Targets(batch));
        tape.Backward(logProb.WeightedSum(tape.Constant(w, logProb.Shape)));
        double[] gradient = [.. Policy.Gradients().SelectMany(g => g.Doubles())];
        foreach (Parameter p in Policy.Parameters) p.ZeroGradient();
        return gradient;
    }

    /// <summary>The gradient that DPR's first update takes, and what it drew.</summary>
    public (double[] Gradient, int[][] Drawn, DprStep Step) Update(DprOptions options, ITokenReward? reward = null)
    {
        options = options with { Updates = 1, WarmupUpdates = 0, MaxTokens = Horizon, Ends = End };
        int[][] prompts = [.. Enumerable.Repeat(Prompt, options.PromptsPerUpdate)];
        Example[] rollout = Rollout.Draw(Policy, prompts, new BatchOrder(prompts.Length, options.Seed), 0, options, out _);
        (double[] gradient, DprStep step) = FirstUpdate(
            (policy, optimizer) =>
                DensePathReinforce.Train(policy, reward ?? new DenseReward(Expert, Reference), prompts, options, optimizer).Single());
        return (gradient, [.. rollout.Select(e => e.ResponseIds)], step);
    }

    /// <summary>
    /// The gradient that a trainer's first update takes from a copy of the policy: with an optimizer that does not clip, and whose m is (1
    /// − β₁) g after one step.
    /// </summary>
    public (double[] Gradient, TStep Step) FirstUpdate<TStep>(Func<Transformer, AdamW, TStep> train)
    {
        using Transformer trained = Policy.Clone(trainable: true);
        using var optimizer = new AdamW(trained.Parameters, new AdamWOptions { Beta1 = 0.5f, ClipNorm = 0 });
        TStep step = train(trained, optimizer);
        double[] gradient =
        [
            .. optimizer.State().Where(s => s.Name.StartsWith("adamw.m.", StringComparison.Ordinal)).SelectMany(s => s.Values)
            .Select(m => 2.0 * m),
        ];
        return (gradient, step);
    }

    /// <summary>|a − b| / |a|.</summary>
    public static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum() / a.Sum(x => x * x));

    public void Dispose()
    {
        Policy.Dispose();
        Expert.Dispose();
        Reference.Dispose();
        device.Dispose();
    }

    private static Dictionary<string, double[]> WeightsOf(Transformer model) =>
        model.Parameters.ToDictionary(p => p.Name, p => p.ToArray().Doubles());
}
