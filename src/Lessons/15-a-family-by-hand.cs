// Lesson 15: a family by hand.
// Llama, Qwen2, Qwen3 are one architecture with small differences. A checkpoint is a file of numbers with names and a page of settings; a
// family says what the settings mean and which names there are. Here the three are read and computed by hand, from the files alone.
#:project ../MiniTransformer/MiniTransformer.csproj
using System.Text.Json;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

using var device = Device.Cpu(threads: 1);
string folder = Directory.CreateTempSubdirectory("family").FullName;
int[] ids = [3, 1, 4, 1, 5, 9, 2, 6];
foreach (TransformerForm form in (TransformerForm[])
    [TransformerForm.Llama, new() { ModelType = "qwen2", QkvBias = true }, new() { ModelType = "qwen3", QueryKeyNorm = true }])
{
    // ---- a checkpoint in Hugging Face's form, of random weights: what from_pretrained would read ----
    var config = new TransformerConfig
    {
        VocabSize = 11, HiddenSize = 16, IntermediateSize = 24, NumLayers = 2, NumHeads = 4, NumKeyValueHeads = 2, MaxPositions = 32,
        Form = form, InitStd = 0.3f,
    };
    float[] library;
    using (var model = new Transformer(config, ParameterSource.Random(device, seed: 1)))
    using (Tape tape = Tape.NoGrad(device))
    {
        var noise = new Rng(seed: 2);               // biases and norms start at 0 and 1, where a mistake would not show
        foreach (Parameter p in model.Parameters.Where(p => p.Shape.Rank == 1))
            p.Set([.. p.ToArray().Select(v => (float)(v + 0.3 * noise.NextNormal()))]);
        library = model.Forward(tape.Sequences(ids)).ToArray();
        config.Save(Path.Combine(folder, "config.json"));
        ModelWeights.Write(folder, model.Tensors(), model.Metadata(keepTypes: false));
    }

    // ---- by hand ----
    using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
    using var file = SafetensorsReader.Open(Path.Combine(folder, ModelWeights.File));
    float[] right = Logits(json.RootElement, file, whole: true), plain = Logits(json.RootElement, file, whole: false);
    IEnumerable<string> names = file.Entries.Keys.Where(n => n.StartsWith("model.layers.0.self_attn.")).Select(n => n[25..]).Order();
    Console.WriteLine($"{json.RootElement.GetProperty("model_type")}: {string.Join(", ", names).Replace(".weight", "")}");
    Console.WriteLine($"  by hand: {Verdict(right)}; read as a Llama: {Verdict(plain)}");

    string Verdict(float[] x) => x.Zip(library, (a, b) => Math.Abs(a - b)).Max() < 1e-4 ? "the library's logits" : "other logits";
}

Directory.Delete(folder, recursive: true);
float[] Logits(JsonElement settings, SafetensorsReader file, bool whole)
{
    using Tape tape = Tape.NoGrad(device);
    int Int(string name) => settings.GetProperty(name).GetInt32();
    int t = ids.Length, h = Int("num_attention_heads"), hkv = Int("num_key_value_heads"), c = Int("hidden_size");
    int d = settings.TryGetProperty("head_dim", out JsonElement named) ? named.GetInt32() : c / h;
    float epsilon = settings.GetProperty("rms_norm_eps").GetSingle(), theta = settings.GetProperty("rope_theta").GetSingle();
    float[] frequencies = [.. Enumerable.Range(0, d / 2).Select(i => MathF.Pow(theta, -2f * i / d))];
    (float[] cos, float[] sin) = TensorOps.RopeTables(t, frequencies);
    TokenIds positions = tape.Ids([.. Enumerable.Range(0, t)], new Shape(t));

    Tensor W(string name) => tape.Constant(file.ReadFloat32(name), Shape.Of([.. file.Entry(name).Shape.Select(n => (int)n)]));
    Tensor Norm(Tensor x, string name) => x.RmsNorm(W(name + ".weight"), epsilon);
    Tensor Project(Tensor x, string name) =>
        whole && file.Contains(name + ".bias") ? x.Linear(W(name + ".weight")).AddRow(W(name + ".bias")) : x.Linear(W(name + ".weight"));
    Tensor Turned(Tensor x) => x.Rope(positions, tape.Constant(cos, new Shape(t, d / 2)), tape.Constant(sin, new Shape(t, d / 2)));
    Tensor Heads(Tensor x, string norm) => Turned(whole && file.Contains(norm + ".weight") ? Norm(x, norm) : x);

    Tensor x = W("model.embed_tokens.weight").SelectRows(tape.Ids(ids, new Shape(t)));
    for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
    {
        string name = $"model.layers.{layer}.", attention = name + "self_attn.", mlp = name + "mlp.";
        Tensor n = Norm(x, name + "input_layernorm");
        Tensor q = Heads(Project(n, attention + "q_proj").Reshape(new Shape(t, h, d)), attention + "q_norm");
        Tensor k = Heads(Project(n, attention + "k_proj").Reshape(new Shape(t, hkv, d)), attention + "k_norm");
        Tensor v = Project(n, attention + "v_proj").Reshape(new Shape(t, hkv, d));
        x += Project(q.Attention(k, v, tape.Starts([0, t], t)).Reshape(new Shape(t, h * d)), attention + "o_proj");
        n = Norm(x, name + "post_attention_layernorm");
        x += Project(Project(n, mlp + "gate_proj").SiluMultiply(Project(n, mlp + "up_proj")), mlp + "down_proj");
    }
    return Norm(x, "model.norm").Linear(W(file.Contains("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight")).ToArray();
}
