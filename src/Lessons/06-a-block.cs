// Lesson 6: a transformer, block by block, against the plain Llama.
// Theory/PlainLlama.cs is the whole architecture on one page of doubles. Here a block is built from the library's ops, then the model is
// taken from the library, and both are held against that page.
#:project ../MiniTransformer.Training/MiniTransformer.Training.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;

const int T = 7;
using var device = Device.Cpu(threads: 1);
var config = new TransformerConfig
{
    VocabSize = 11, HiddenSize = 16, IntermediateSize = 24, NumLayers = 2, NumHeads = 4, NumKeyValueHeads = 2, MaxPositions = 32,
};
using var model = new Transformer(config, ParameterSource.Random(device, seed: 1));
Console.WriteLine($"{model.ParameterCount} weights in {model.Parameters.Count} tensors, by Hugging Face's names:");
foreach (Parameter p in model.Parameters.Take(10)) Console.WriteLine($"  {p.Name,-50} {p.Shape}");

// ---- the plain Llama with the same weights ----
var sizes = new LlamaSizes(
    config.NumLayers, config.NumHeads, config.NumKeyValueHeads, config.HeadDim, config.RopeTheta, config.RmsNormEps, config.TieEmbeddings);
var plain = new PlainLlama(sizes, model.Parameters.ToDictionary(p => p.Name, p => Array.ConvertAll(p.ToArray(), x => (double)x)));

// ---- one block by hand: x ← x + attention(norm(x)), then x ← x + down(silu(gate(norm(x))) ⊙ up(norm(x))) ----
var rng = new Rng(seed: 2);
float[] x0 = [.. Enumerable.Range(0, T * config.HiddenSize).Select(_ => (float)rng.NextNormal())];
using (Tape tape = Tape.NoGrad(device))
{
    Tensor x = tape.Constant(x0, new Shape(T, config.HiddenSize));
    int h = config.NumHeads, hkv = config.NumKeyValueHeads, d = config.HeadDim;
    TokenIds positions = tape.Ids([.. Enumerable.Range(0, T)], new Shape(T));
    float[] frequencies = [.. Enumerable.Range(0, d / 2).Select(i => MathF.Pow(config.RopeTheta, -2f * i / d))];
    (float[] cos, float[] sin) = TensorOps.RopeTables(T, frequencies);
    Tensor Turned(Tensor heads) => heads.Rope(positions, tape.Constant(cos, new Shape(T, d / 2)), tape.Constant(sin, new Shape(T, d / 2)));

    Tensor n = x.RmsNorm(Weight("input_layernorm"), config.RmsNormEps);
    Tensor q = Turned(n.Linear(Weight("self_attn.q_proj")).Reshape(new Shape(T, h, d)));
    Tensor k = Turned(n.Linear(Weight("self_attn.k_proj")).Reshape(new Shape(T, hkv, d)));
    Tensor v = n.Linear(Weight("self_attn.v_proj")).Reshape(new Shape(T, hkv, d));
    x += Compositions.Attention(q, k, v).Reshape(new Shape(T, h * d)).Linear(Weight("self_attn.o_proj"));

    n = x.RmsNorm(Weight("post_attention_layernorm"), config.RmsNormEps);
    x += n.Linear(Weight("mlp.gate_proj")).SiluMultiply(n.Linear(Weight("mlp.up_proj"))).Linear(Weight("mlp.down_proj"));

    double[][] expected = plain.Block(0, [.. x0.Chunk(config.HiddenSize).Select(row => Array.ConvertAll(row, v => (double)v))]);
    Console.WriteLine($"a block from ops and the plain one differ by {Difference(expected, x)}");
}

Tensor Weight(string name) => model.Parameters.First(p => p.Name == $"model.layers.0.{name}.weight");

// ---- the whole model ----
int[] ids = [3, 1, 4, 1, 5, 9, 2];
using (Tape tape = Tape.NoGrad(device))
{
    Tensor logits = model.Forward(tape.Sequences(ids));
    Console.WriteLine($"the library's model and the plain one differ by {Difference(plain.Logits(ids), logits)}");

    // What a token's logits are depends on the tokens before it alone.
    ids[^1] = 7;
    float[] changed = model.Forward(tape.Sequences(ids)).ToArray(), before = logits.ToArray();
    int same = Enumerable.Range(0, T).Count(t => changed.AsSpan(t * 11, 11).SequenceEqual(before.AsSpan(t * 11, 11)));
    Console.WriteLine($"with another last token, {same} of {T} rows of logits are the same to the last bit");
}

static string Difference(double[][] expected, Tensor actual)
{
    double d = expected.SelectMany(row => row).Zip(actual.ToArray(), (e, a) => Math.Abs(e - a)).Max();
    return d < 1e-5 ? "less than 1e-5" : $"{d}";
}
