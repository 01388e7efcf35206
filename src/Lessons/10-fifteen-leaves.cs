// Lesson 10: r̂, returns, and REINFORCE on fifteen leaves.
// Three tokens, the last of which ends a response, and at most three steps: fifteen responses. Every expectation is a sum over them.
// Lesson 9: r = Q(s, a) − V(s'), so log π(a|s) = r + V(s') − V(s): values only move reward along. Two policies differ by
//     r̂(s, a) = log π_SFT(a|s) − log π_ref(a|s)     (here π_ref is π_SFT flattened and shaken, in the place of an earlier checkpoint)
#:project ../MiniTransformer.Training/MiniTransformer.Training.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;

var mdp = new TokenMdp(vocabulary: 3, horizon: 3, endToken: 2);
Response[] leaves = [.. ResponseEnumeration.All(mdp)];
int[] states = [.. leaves.SelectMany(y => y.States)], tokens = [.. leaves.SelectMany(y => y.Tokens)];   // all steps of all responses
int steps = states.Length;
var rng = new Rng(seed: 3);
double[][] sftLogits = mdp.Table((_, _) => rng.NextNormal()), sft = SoftBellman.LogPolicy(sftLogits);
double[][] reference = SoftBellman.LogPolicy([.. sftLogits.Select(row => row.Select(q => 0.4 * q + 0.3 * rng.NextNormal()).ToArray())]);
double[][] reward = mdp.Table((s, a) => sft[s][a] - reference[s][a]);

// ---- log π(y) = Σ_t log π(a_t|s_t), so r̂ sums to log π_SFT(y)/π_ref(y), and Σ_y π_SFT(y) log π_SFT(y)/π_ref(y) is KL(π_SFT ‖ π_ref) --
double mean = leaves.Sum(y => Math.Exp(ResponseEnumeration.LogProbability(sft, y)) * y.Entries(reward).Sum());
double kl = ResponseEnumeration.Kl(mdp, sft, reference), back = ResponseEnumeration.Kl(mdp, reference, sft);
Console.WriteLine($"E over π_SFT of Σ r̂ = {mean:F4}, KL(π_SFT ‖ π_ref) = {kl:F4}: never negative");
mean = leaves.Sum(y => Math.Exp(ResponseEnumeration.LogProbability(reference, y)) * y.Entries(reward).Sum());
Console.WriteLine($"E over π_ref of Σ r̂ = {mean:F4}, −KL(π_ref ‖ π_SFT) = {-back:F4}: never positive");

// ---- the policy: a table of logits on a tape. Its objective, exactly: E_π Σ r̂ ----
using var device = Device.Cpu(threads: 1);
using var policy = new Parameter(device, "policy", new Shape(mdp.StateCount, 3));
policy.Set([.. sftLogits.SelectMany(row => row).Select(q => (float)(q + 0.5 * rng.NextNormal()))]);
float[] rewards = [.. leaves.SelectMany(y => y.Entries(reward)).Select(r => (float)r)];

float[] exact = Slope((tape, logProb) =>
{
    Tensor probability = PerResponse(tape, logProb).Exp(), sums = PerResponse(tape, tape.Constant(rewards, new Shape(steps)));
    return (probability * sums).Sum();                                  // the gradient goes through every probability
});

// ---- REINFORCE: E_π Σ_t G_t ∇log π(a_t|s_t). The weights are numbers; nothing is differentiated but log π ----
double[][] pi = SoftBellman.LogPolicy([.. policy.ToArray().Chunk(3).Select(row => Array.ConvertAll(row, q => (double)q))]);
double[] p = [.. leaves.Select(y => Math.Exp(ResponseEnumeration.LogProbability(pi, y)))];
Compare("the whole path's sum for every token", Estimate(p, (y, t) => y.Entries(reward).Sum()));
Compare("the return to go, G_t = Σ_{k ≥ t} r̂", Estimate(p, (y, t) => y.Entries(reward).Skip(t).Sum()));
Compare("G_t minus a number of the state", Estimate(p, (y, t) => y.Entries(reward).Skip(t).Sum() - 3 * Math.Sin(y.States[t])));
Compare("each token's own r̂, without what follows", Estimate(p, (y, t) => y.Entries(reward)[t]));
Compare("discounted, γ = 0.5", Estimate(p, (y, t) => y.Entries(reward).Skip(t).Select((r, k) => Math.Pow(0.5, k) * r).Sum()));

// ---- on responses that are drawn the same weights give the gradient on average ----
var drawn = new double[leaves.Length];
for (int i = 0; i < 20_000; i++)
{
    double u = rng.NextDouble(), sum = 0;
    int chosen = Array.FindIndex(p, x => (sum += x) > u);
    drawn[chosen < 0 ? ^1 : chosen] += 1 / 20_000.0;                    // rounding may leave the sum a little short of 1
}
Compare("G_t on 20,000 drawn responses", Estimate(drawn, (y, t) => y.Entries(reward).Skip(t).Sum()), within: 0.1);

float[] Estimate(double[] weights, Func<Response, int, double> g) => Slope((tape, logProb) => logProb.WeightedSum(tape.Constant(
    [.. leaves.SelectMany((y, i) => Enumerable.Range(0, y.Length).Select(t => (float)(weights[i] * g(y, t))))], new Shape(steps))));

float[] Slope(Func<Tape, Tensor, Tensor> f)
{
    policy.ZeroGradient();
    using Tape tape = Tape.Record(device);
    Tensor rows = policy.Tensor.SelectRows(tape.Ids(states, new Shape(steps)));
    tape.Backward(f(tape, rows.GatherLogSoftmax(tape.Ids(tokens, new Shape(steps)))));     // log π(a_t|s_t) of all steps
    return policy.GradientToArray();
}

Tensor PerResponse(Tape tape, Tensor perStep) => tape.Constant(
    [.. leaves.SelectMany((_, i) => leaves.SelectMany((y, j) => y.Tokens.Select(_ => i == j ? 1f : 0f)))], new Shape(leaves.Length, steps))
    .MatMul(perStep.Reshape(new Shape(steps, 1))).Reshape(new Shape(leaves.Length));

void Compare(string name, float[] estimate, double within = 1e-5)
{
    double error = Math.Sqrt(estimate.Zip(exact, (a, b) => (double)(a - b) * (a - b)).Sum() / exact.Sum(b => (double)b * b));
    string right = within < 1e-4 ? "is the exact gradient" : $"is near it, within {within:P0}";
    Console.WriteLine($"{name,-42} {(error < within ? right : $"is off by {error:P0}")}");
}
