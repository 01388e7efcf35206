// Lesson 8: sampling with a cache, and the same bits.
// A response is drawn token by token. What a token was is remembered as keys and values; so a step costs one token, not the whole prefix.
// The cache is no approximation: its logits are those of the full forward pass, to the last bit, whoever else is in the batch.
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

const int End = 0, V = 50;
using var device = Device.Cpu(threads: 2);
using var model = new Transformer(new TransformerConfig
{
    VocabSize = V, HiddenSize = 32, IntermediateSize = 64, NumLayers = 3, NumHeads = 4, NumKeyValueHeads = 2, MaxPositions = 64,
    InitStd = 0.4f,
}, ParameterSource.Random(device, seed: 1));
int[] prompt = [7, 3, 9, 4];

// ---- without a cache: the whole prefix for each token ----
int[] plain = [.. prompt];
for (int i = 0; i < 20; i++)
{
    using Tape tape = Tape.NoGrad(device);
    float[] logits = model.Forward(tape.Sequences(plain)).ToArray()[^V..];
    plain = [.. plain, Array.IndexOf(logits, logits.Max())];
}

// ---- with a cache: the prompt once, then a token a step ----
List<int> cached = [.. prompt];
using (var decoder = new Decoder(model, slots: 1, context: 64))
{
    int differences = 0;
    for (int i = 0; i < 20; i++)
    {
        using Tape tape = Tape.NoGrad(device);
        PolicyRows next = i == 0 ? decoder.Prompt(tape, [prompt]) : decoder.Step(tape, [cached[^1]], [0], [cached.Count - 1]);
        float[] step = next.Logits().ToArray();
        float[] whole = model.Forward(tape.Sequences(cached.ToArray())).ToArray()[^V..];
        differences += Bits(step).Zip(Bits(whole)).Count(pair => pair.First != pair.Second);
        cached.Add(Array.IndexOf(step, step.Max()));
    }

    Console.WriteLine($"logits that differ between cache and whole sequence in any bit: {differences} of {20 * V}");
}

Console.WriteLine($"the same tokens: {plain.SequenceEqual(cached)}, and as the sampler draws them: " +
    $"{Draw([prompt], SamplingOptions.Greedy)[0].Ids.SequenceEqual(plain[4..])}");

// ---- a draw: u in [0, 1) from (seed, stream, position), then the token in whose share of the cumulated probabilities u falls ----
using (Tape tape = Tape.NoGrad(device))
{
    float[] p = model.Forward(tape.Sequences(prompt)).Softmax().ToArray()[^V..];
    float u = Rng.UniformAt(seed: 5, stream: 0, position: 0), sum = 0;
    int token = Array.FindIndex(p, x => (sum += x) > u);
    Console.WriteLine($"drawn by hand: {token}, by the sampler: {Draw([prompt], new() { Seed = 5 })[0].Ids[0]}");
}

// ---- so a response depends on its prompt, the seed and its place alone: not on its neighbours, not on the batch ----
int[][] prompts = [prompt, [1, 2], [9, 9, 9, 9, 9, 9], prompt];
SampledResponse[] together = Draw(prompts, new() { Seed = 5 }), byOnes = Draw(prompts, new() { Seed = 5, BatchSize = 1 });
bool same = together.Zip(byOnes).All(pair => pair.First.Ids.SequenceEqual(pair.Second.Ids));
Console.WriteLine($"four at once and one by one: {same}");
same = together[0].Ids.SequenceEqual(together[3].Ids);
Console.WriteLine($"the same prompt twice, at two places: {(same ? "one response" : "two responses")}");

// ---- the log-probabilities that the sampler notes are those that training computes: their ratio starts at 1 ----
using (Tape tape = Tape.NoGrad(device))
{
    int[] response = together[0].Ids, inputs = [.. prompt, .. response[..^1]];
    var n = new Shape(response.Length);
    TokenIds rows = tape.Ids([.. Enumerable.Range(prompt.Length - 1, response.Length)], n);
    Tensor logProb = model.Logits(tape.Sequences(inputs), rows).GatherLogSoftmax(tape.Ids(response, n));
    Console.WriteLine($"log π as sampled and as trained, the same bits: {logProb.ToArray().SequenceEqual(together[0].LogProbs)}");
}

IEnumerable<int> Bits(float[] x) => x.Select(BitConverter.SingleToInt32Bits);

SampledResponse[] Draw(int[][] prompts, SamplingOptions options) => Sampler.Generate(model, prompts, End, options with { MaxTokens = 20 });
