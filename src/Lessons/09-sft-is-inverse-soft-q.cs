// Lesson 9: SFT is inverse soft-Q learning.
// Lesson 4: logits are Q, their log-sum-exp is V, softmax is the policy. Inverse soft-Q learning asks which Q explains demonstrations:
//     r(s, a) = Q(s, a) − V(s′)                         the reward that Q implies; V(terminal) = 0
//     J(Q) = Σ_t (Q(s_t, a_t) − V(s_{t+1})) − V(s_0)    maximise the demonstrations' reward against the value of the start
// Σ_t V(s_{t+1}) and V(s_0) are the same values one step apart, so J = Σ_t (Q_t − V_t) = Σ_t log π(a_t|s_t): minus the SFT loss.
// Said of one number this is algebra. Here the two sides are two programs, and their slopes by every weight of a transformer are compared.
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

using var device = Device.Cpu(threads: 1);
using var model = new Transformer(new TransformerConfig
{
    VocabSize = 20, HiddenSize = 32, IntermediateSize = 48, NumLayers = 2, NumHeads = 4, MaxPositions = 16,
}, ParameterSource.Random(device, seed: 1));
int[] prompt = [5, 9, 2], response = [4, 17, 3, 8, 0];
int n = response.Length;

// Each side: a number, and its slope by all weights.
(float Value, float[] Slope) Of(Func<Tape, Tensor, Tensor> side)
{
    foreach (Parameter p in model.Parameters) p.ZeroGradient();
    using Tape tape = Tape.Record(device);
    TokenIds rows = tape.Ids([.. Enumerable.Range(prompt.Length - 1, n)], new Shape(n));
    Tensor q = model.Logits(tape.Sequences((int[])[.. prompt, .. response[..^1]]), rows);  // Q(s_t, ·), a row a response token
    Tensor y = side(tape, q);
    tape.Backward(y);
    return (y.Item(), [.. model.Parameters.SelectMany(p => p.GradientToArray())]);
}

// The left side looks at the NEXT state's logits, and never at a probability.
Tensor InverseQ(Tape tape, Tensor q, float gamma, bool chiSquared)
{
    Tensor v = q.LogSumExp(), chosen = q.Gather(tape.Ids(response, new Shape(n)));
    Tensor start = v.WeightedSum(tape.Constant([1, .. new float[n - 1]], v.Shape));        // V(s_0)
    Tensor column = v.Reshape(new Shape(n, 1));
    TokenIds later = tape.Ids([.. Enumerable.Range(0, n).Select(t => Math.Min(t + 1, n - 1))], v.Shape);
    Tensor alive = tape.Constant([.. Enumerable.Repeat(1f, n - 1), 0], v.Shape);           // V(terminal) = 0
    Tensor next = alive * column.SelectRows(later).Reshape(v.Shape);                       // V(s_1) … V(s_{n−1}), 0
    Tensor reward = chosen - gamma * next;
    Tensor phi = chiSquared ? reward - reward.Square() / 4 : reward;                       // [IQ]'s regulariser, for the control below
    Tensor weights = tape.Constant([.. Enumerable.Range(0, n).Select(t => MathF.Pow(gamma, t))], new Shape(n));
    return phi.WeightedSum(weights) - start;
}

// The right side is cross-entropy, as anyone writes it who has never heard of a soft value.
Tensor MinusSftLoss(Tape tape, Tensor q) => q.GatherLogSoftmax(tape.Ids(response, new Shape(n))).Sum();

(float sft, float[] sftSlope) = Of(MinusSftLoss);
Compare("inverse soft-Q", Of((tape, q) => InverseQ(tape, q, gamma: 1, chiSquared: false)));
Console.WriteLine("and where it must not hold:");
Compare("γ = 0.9", Of((tape, q) => InverseQ(tape, q, gamma: 0.9f, chiSquared: false)));
Compare("φ = χ²", Of((tape, q) => InverseQ(tape, q, gamma: 1, chiSquared: true)));

void Compare(string name, (float Value, float[] Slope) side)
{
    double scale = Math.Sqrt(sftSlope.Sum(x => (double)x * x)), value = Math.Abs(side.Value - sft) / Math.Abs(sft);
    double slope = Math.Sqrt(side.Slope.Zip(sftSlope, (a, b) => (double)(a - b) * (a - b)).Sum()) / scale;
    Console.WriteLine(
        $"{name,-15} value {side.Value,7:F2} against −L_SFT {sft:F2}: {Verdict(value)}; {side.Slope.Length} slopes: {Verdict(slope)}");
}

static string Verdict(double difference) => difference < 1e-4 ? "equal" : $"differ by {difference:P0}";
