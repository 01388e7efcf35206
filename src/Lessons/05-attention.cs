// Lesson 5: attention from parts, then fused.
// A token's query is compared with the keys of the tokens before it; the softmax of the scores says how much of each one's value it takes:
//     y_t = Σ_{j ≤ t} p_tj v_j,   p_t = softmax_j(⟨q_t, k_j⟩ / √D)
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

const int T = 4, D = 2;
using var device = Device.Cpu(threads: 1);
using Tape tape = Tape.Record(device);

// ---- one head, step by step. Token 3 asks for what token 1 offers ----
Tensor q = tape.Variable([0, 0, 0, 0, 0, 0, 0, 8], new Shape(1, T, D));         // (heads, T, D)
Tensor k = tape.Variable([1, 0, 0, 1, 1, 0, 1, 0], new Shape(1, T, D));
Tensor v = tape.Variable([10, 0, 20, 0, 30, 0, 40, 0], new Shape(1, T, D));

Tensor scores = 1 / MathF.Sqrt(D) * q.BatchMatMul(k, GemmForm.NT);              // ⟨q_t, k_j⟩ / √D: (1, T, T)
Tensor p = (scores + Causal(1, T)).Softmax();                                   // no token looks ahead
Tensor y = p.BatchMatMul(v);
Console.WriteLine($"p = {Rounded(p)}");
Console.WriteLine($"y = {Rounded(y)}");

// ---- without the mask a token sees its future: a model trained like that has nothing left to predict ----
Tensor unmasked = scores.Softmax().BatchMatMul(v);
Console.WriteLine($"y₀ is {y.ToArray()[0]:F0}, and without the mask {unmasked.ToArray()[0]:F0}");

// ---- several heads, and fewer key/value heads than query heads: Ops/Compositions.cs has it on half a page ----
var rng = new Rng(seed: 1);
Tensor queries = Normal(16, 4, 8), keys = Normal(16, 2, 8), values = Normal(16, 2, 8); // (T, H, D), (T, Hkv, D)
Tensor composed = Compositions.Attention(queries, keys, values);

// ---- the fused op computes the same in blocks, and keeps the log-sum of each row instead of T² probabilities ----
Tensor fused = queries.Attention(keys, values, tape.Starts([0, 16], rows: 16)); // one sequence, from row 0 to row 16
Console.WriteLine($"from parts and fused differ by {Difference(composed.ToArray(), fused.ToArray())}");

// ---- so do their gradients ----
float[][] Slopes(Tensor result)
{
    float[][] before = [queries.GradToArray(), keys.GradToArray(), values.GradToArray()];
    tape.Backward((result * result).Sum());
    return [.. ((Tensor[])[queries, keys, values]).Select((x, i) => x.GradToArray().Zip(before[i], (a, b) => a - b).ToArray())];
}

float[][] one = Slopes(composed), other = Slopes(fused);
for (int i = 0; i < 3; i++) Console.WriteLine($"the slopes by {"qkv"[i]} differ by {Difference(one[i], other[i])}");

// ---- a window: each token sees the last two alone ----
Tensor local = Compositions.Attention(queries, keys, values, window: 2);
int same = local.ToArray().Chunk(32).Zip(composed.ToArray().Chunk(32), Difference).Count(difference => difference == "less than 1e-5");
Console.WriteLine($"with a window of 2, {same} of 16 tokens have the same result: the first two, who have no others to see");

Tensor Causal(int heads, int t) =>
    tape.Constant(
        [.. Enumerable.Range(0, heads * t * t).Select(i => i % t <= i / t % t ? 0 : float.NegativeInfinity)], new Shape(heads, t, t));

Tensor Normal(int t, int h, int d) =>
    tape.Variable([.. Enumerable.Range(0, t * h * d).Select(_ => (float)rng.NextNormal())], new Shape(t, h, d));

Tensor Rounded(Tensor x) => tape.Constant([.. x.ToArray().Select(v => MathF.Round(v, 3))], x.Shape);

static string Difference(float[] a, float[] b) =>
    a.Zip(b, (x, y) => Math.Abs(x - y)).Max() is var d && d < 1e-5f ? "less than 1e-5" : $"{d}";
