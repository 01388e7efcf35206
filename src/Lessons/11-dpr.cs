// Lesson 11: Dense-Path REINFORCE.
// Two checkpoints, π_ref before the better demonstrations, π_SFT after: their difference is a reward of tokens (lesson 10). Reinforced
// with it, a policy walks on from π_SFT in the direction in which training was going. Where that direction is good, so is the walk.
//     G_t = Σ_{k ≥ t} r̂_k          loss = −Σ_t (G_t − baseline) log π_θ(a_t|s_t) + β KL(π_θ ‖ π_SFT), on responses drawn from π_θ
#:project ../MiniTransformer.Training/MiniTransformer.Training.csproj
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

// The task: the next digit of each, "0123>" → "1234.". The teachers are lazy and mostly copy: at first 20% of the demonstrations are
// right, later 40%. From π_ref to π_SFT the model learns to copy less; reinforcement goes on with that, and sees no demonstration.
const int Go = 10, End = 11;
var rng = new Rng(seed: 1);
int[][] prompts = [.. Enumerable.Range(0, 10_000).Select(i => (int[])[i % 10, i / 10 % 10, i / 100 % 10, i / 1000, Go])];
rng.Shuffle<int[]>(prompts);
int[][] heldOut = prompts[..400], forDpr = prompts[400..1400];
Example[] better = Taught(prompts[1400..3400], right: 0.4), lazy = Taught(prompts[3400..9000], right: 0.2);

using var device = Device.Cpu();
using var policy = new Transformer(new TransformerConfig
{
    VocabSize = 12, HiddenSize = 32, IntermediateSize = 64, NumLayers = 2, NumHeads = 2, MaxPositions = 12, Ends = End,
}, ParameterSource.Random(device, seed: 1));

// ---- SFT, with the checkpoint that becomes the reference ----
foreach (SftStep step in Sft.Train(policy, lazy, new SftOptions { Steps = 500, LearningRate = 3e-3 })) { }
using Transformer reference = policy.Clone();
foreach (SftStep step in Sft.Train(policy, better, new SftOptions { Steps = 100, LearningRate = 1e-3 })) { }
using Transformer expert = policy.Clone(), longer = policy.Clone(trainable: true);
foreach (SftStep step in Sft.Train(longer, better, new SftOptions { Steps = 100, LearningRate = 1e-3, Seed = 2 })) { }

// ---- the reward of two responses to one prompt, token by token ----
var reward = new DenseReward(expert, reference);
foreach (int[] response in (int[][])[[2, 3, 4, 5, End], [1, 2, 3, 4, End]])
{
    float[] rHat = reward.Recover(new ResponseBatch([new Example([1, 2, 3, 4, Go], response)])).RHat;
    string digits = string.Join(' ', response[..4]);
    Console.WriteLine($"r̂ of {digits} after 1 2 3 4: the first token's {Sign(rHat[0])}, the sum {Sign(rHat.Sum())}");
    Console.WriteLine($"~ {string.Join("  ", rHat.Select(x => x.ToString("F2")))}");
}

// ---- DPR ----
var options = new DprOptions { Updates = 40, PromptsPerUpdate = 64, LearningRate = 2e-3, MaxTokens = 6, Beta = 0.5, Seed = 1 };
foreach (DprStep step in DensePathReinforce.Train(policy, reward, forDpr, options))
{
    if (step.Step % 10 == 0) Console.WriteLine($"~ update {step.Step}: reward {step.Reward:F2}, KL {step.Kl:F2} nats a response");
}

// ---- held-out prompts ----
(string Name, Transformer Model)[] models = [("π_ref", reference), ("π_SFT", expert), ("SFT, twice as long", longer), ("DPR", policy)];
double[] right = [.. models.Select(m => Right(m.Model))];
for (int i = 0; i < models.Length; i++) Console.WriteLine($"~ {models[i].Name,-20} right on {right[i]:P0} of 400 prompts");
Console.WriteLine($"SFT came nearer to its teachers: {right[1] > right[0]}; longer SFT stays where the teachers are: {right[2] < 0.5}");
Console.WriteLine($"DPR went beyond all of them: {right[3] > right.Take(3).Max() + 0.1}");

Example[] Taught(int[][] prompts, double right) =>
    [.. prompts.Select(p => new Example(p, rng.NextDouble() < right ? Answer(p) : [.. p[..4], End]))];

int[] Answer(int[] prompt) => [.. prompt[..4].Select(digit => (digit + 1) % 10), End];

double Right(Transformer model) => Sampler.Generate(model, heldOut, End, new SamplingOptions { MaxTokens = 6, Seed = 3 })
    .Zip(heldOut).Average(pair => pair.First.Ids.SequenceEqual(Answer(pair.Second)) ? 1.0 : 0);

static string Sign(double x) => x > 0.05 ? "positive" : x < -0.05 ? "negative" : "near zero";
