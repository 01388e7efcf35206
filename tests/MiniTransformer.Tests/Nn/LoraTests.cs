using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

/// <summary>Low-rank adapters: what they compute, what they leave alone, and what they share.</summary>
public sealed class LoraTests : IDisposable
{
    private static readonly LoraOptions Lora = new() { Rank = 3, Alpha = 6 };

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Adaptable =>
        [.. FamilyCase.All.Keys.Where(name => !name.StartsWith("gpt2", StringComparison.Ordinal))];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Adaptable))]
    public void With_a_B_of_zero_every_family_is_its_base_to_the_bit(string family) => IsItsBase("CPU, 3 threads", family);

    [DeviceTheory]
    [OnEveryDevice("llama")]
    [OnEveryDevice("qwen2")]
    [OnEveryDevice("gemma3")]
    public void On_every_device_it_is(string device, string family) => IsItsBase(device, family);

    private void IsItsBase(string deviceName, string family)
    {
        using Device device = Devices.Open(deviceName);
        using Transformer model = Base(family, device), adapted = model.Adapted(Lora, seed: 1);
        int[] ids = Operand.Ids(29, 19, seed: 2);
        Operand.Identical(Logits(model, ids), Logits(adapted, ids));
        var options = new SamplingOptions { MaxTokens = 7, Seed = 3 };
        Assert.Equal(Draw(model), Draw(adapted));

        // A is not zero: the adapter is there, and waits.
        Assert.All(adapted.Parameters.Where(p => p.Name.EndsWith("lora_A.weight", StringComparison.Ordinal)), p =>
            Assert.Contains(p.ToArray(), x => x != 0));
        Fill(adapted, seed: 5);
        Assert.NotEqual(Logits(model, ids), Logits(adapted, ids));

        IEnumerable<string> Draw(Transformer policy) =>
            Sampler.Generate(policy, [[1, 5, 7], [3]], new EndTokens([18]), options)
                .Select(r => $"{string.Join(' ', r.Ids)}: {string.Join(' ', r.LogProbs)}");
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void Gradients_follow_from_that_of_the_whole_weight_by_the_chain_rule(string deviceName)
    {
        // W = W₀ + s·B·A at full rank with everything trained: dW is full fine-tuning's, dA = s·Bᵀ·dW, dB = s·dW·Aᵀ.
        using Device device = Devices.Open(deviceName);
        using Transformer model = Base("llama", device), adapted = model.Adapted(Lora with { Rank = 12, Also = AlsoTrained.All }, seed: 1);
        Fill(adapted, seed: 5);
        using Transformer merged = adapted.Merged(), whole = merged.Clone(trainable: true);
        Gradient(whole);
        Gradient(adapted);
        Dictionary<string, double[]> full = whole.Parameters.ToDictionary(p => p.Name, p => p.GradientToArray().Doubles());
        double scale = 6.0 / 12;
        foreach (Parameter p in adapted.Parameters)
        {
            string[] path = p.Name.Split('.');
            string projection = string.Join('.', path[..^2]);
            double[] expected = path[^2] switch
            {
                "lora_A" => Product(Other("lora_B"), p.Shape[0], full[$"{projection}.weight"], p.Shape[1], transposeFirst: true),
                "lora_B" => Product(full[$"{projection}.weight"], p.Shape[0], Other("lora_A"), p.Shape[1], transposeFirst: false),
                _ => full[p.Name],
            };

            // Sums of some hundred products, in another order: float roundings of their largest terms.
            double largest = expected.Max(Math.Abs);
            Operand.Close(expected, p.GradientToArray(), 2e-4, floor: largest);

            double[] Other(string factor) => adapted.Parameters.Single(q => q.Name == $"{projection}.{factor}.weight").ToArray().Doubles();
        }

        // s·X·Yᵀ or s·Xᵀ·Y, (rows, columns).
        double[] Product(double[] x, int rows, double[] y, int columns, bool transposeFirst)
        {
            int inner = x.Length / rows;
            var product = new double[rows * columns];
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    for (int k = 0; k < inner; k++)
                        product[i * columns + j] += scale
                            * (transposeFirst ? x[k * rows + i] * y[k * columns + j] : x[i * inner + k] * y[j * inner + k]);
                }
            }

            return product;
        }
    }

    [DeviceTheory]
    [OnEveryDevice("llama, linear, biased", ElementType.BF16)]
    [OnEveryDevice("qwen3", ElementType.F16)]
    public void A_merged_model_is_the_adapted_one_within_rounding(string deviceName, string family, ElementType type)
    {
        using Device device = Devices.Open(deviceName);
        using Transformer model = Base(family, device, type), adapted = model.Adapted(Lora with { RankStabilised = true }, seed: 1);
        Fill(adapted, seed: 5);
        using Transformer merged = adapted.Merged();
        Assert.Null(merged.Lora);
        Assert.Equal(type, merged.StoredAs);
        int[] ids = Operand.Ids(29, 19, seed: 2);
        Operand.Close(Logits(adapted, ids).Doubles(), Logits(merged, ids), 2e-5);
        Assert.NotEqual(Logits(model, ids), Logits(merged, ids));
    }

    [DeviceTheory]
    [OnEveryDevice("qwen3")]
    [OnEveryDevice("llama, linear, biased")]
    public void What_is_trained_beside_the_factors_is_what_was_named_and_nothing_else(string deviceName, string family)
    {
        using Device device = Devices.Open(deviceName);
        using Transformer model = Base(family, device);
        string[] all = [.. model.Parameters.Select(p => p.Name)];
        string[] norms = [.. all.Where(name => name.EndsWith("norm.weight", StringComparison.Ordinal))];
        string[] headOfItsOwn = model.Config.TieEmbeddings ? [] : ["lm_head.weight"];
        Assert.Contains("model.norm.weight", norms);
        Assert.Equal([], Trained(AlsoTrained.Nothing));
        Assert.Equal(norms, Trained(AlsoTrained.Norms));
        Assert.Equal(["model.embed_tokens.weight"], Trained(AlsoTrained.Embeddings));
        if (headOfItsOwn.Length > 0) Assert.Equal(headOfItsOwn, Trained(AlsoTrained.Head));
        Assert.Equal(["model.embed_tokens.weight", .. norms], Trained(AlsoTrained.Embeddings | AlsoTrained.Norms));
        Assert.Equal(all, Trained(AlsoTrained.All));

        string[] Trained(AlsoTrained also)
        {
            using Transformer adapted = model.Adapted(Lora with { Also = also }, seed: 1);
            ILookup<bool, Parameter> parts = adapted.Parameters.ToLookup(p => all.Contains(p.Name));
            Assert.All(parts[false], p => Assert.True(p.Trainable, p.Name));
            return [.. parts[true].Where(p => p.Trainable).Select(p => p.Name)];
        }
    }

    [Fact]
    public void A_pattern_of_several_alternatives_is_one_pattern()
    {
        var lora = new LoraOptions { Rank = 2, Ranks = new Dictionary<string, int> { ["q_proj|own_proj"] = 5 } };
        Assert.Equal(5, lora.RankOf("model.layers.0.self_attn.q_proj"));
        Assert.Equal(2, lora.RankOf("model.layers.0.mlp.down_proj")); // own_proj is no name in its path
        Assert.Equal(2, lora.RankOf("model.layers.0.self_attn.q_proj_too"));
    }

    [Fact]
    public void A_is_drawn_by_name_so_that_other_adapters_change_nothing_of_it()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Base("llama", device);
        using Transformer all = model.Adapted(Lora, seed: 7),
            some = model.Adapted(Lora with { Targets = ["v_proj", "down_proj"] }, seed: 7), other = model.Adapted(Lora, seed: 8);
        Parameter[] drawn = [.. some.Parameters.Where(p => p.Name.Contains("lora_A", StringComparison.Ordinal))];
        Assert.Equal(4, drawn.Length);
        foreach (Parameter p in drawn)
        {
            Assert.Equal(all.Parameters.Single(q => q.Name == p.Name).ToArray(), p.ToArray());
            Assert.NotEqual(other.Parameters.Single(q => q.Name == p.Name).ToArray(), p.ToArray());
            Assert.All(p.ToArray(), x => Assert.InRange(Math.Abs(x), 0, 1 / MathF.Sqrt(p.Shape.Last)));
        }

        Assert.Equal(drawn.Length, drawn.Select(p => p.ToArray()[0]).Distinct().Count());
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void Policies_share_the_base_and_an_update_changes_what_is_trained_alone(string deviceName)
    {
        using Device device = Devices.Open(deviceName);
        using Transformer model = Base("llama", device);
        long ofBase = device.PersistentBytes;
        LoraOptions lora = Lora with { Targets = ["q_proj", "up_proj"], Also = AlsoTrained.Norms };
        using Transformer policy = model.Adapted(lora, seed: 1);
        long trained = policy.Parameters.Where(p => p.Trainable).Sum(p => 4L * p.Shape.Count);
        Assert.Equal(trained, device.PersistentBytes - ofBase);
        using Transformer before = policy.Clone(), again = before.Clone(), next = before.Clone(trainable: true);
        // a frozen copy of what changes, one that shares it, and a trainable one
        Assert.Equal(3 * trained, device.PersistentBytes - ofBase);
        Assert.All(policy.Parameters, p => Assert.Equal(lora.Trains(p.Name), p.Trainable));
        Assert.All(next.Parameters, p => Assert.Equal(lora.Trains(p.Name), p.Trainable));
        Assert.All(before.Parameters, p => Assert.False(p.Trainable));

        using var optimizer = new AdamW(policy.Parameters, new AdamWOptions { WeightDecay = 0.1f });
        Assert.All(optimizer.Parameters, p => Assert.True(lora.Trains(p.Name)));
        for (int i = 0; i < 2; i++)
        {
            Gradient(policy); // A's gradient is zero at first, since B is
            optimizer.Step(0.1);
        }

        foreach ((Parameter was, Parameter now) in before.Parameters.Zip(policy.Parameters))
        {
            Assert.Equal(!lora.Trains(now.Name), was.ToArray().SequenceEqual(now.ToArray()));
        }
        foreach ((Parameter was,
            Parameter now) in model.Parameters.Zip(policy.Parameters.Where(p => !p.Name.Contains("lora_", StringComparison.Ordinal))))
            Assert.Equal(!lora.Trains(now.Name), was.ToArray().SequenceEqual(now.ToArray()));
        Assert.True(again.HasWeightsOf(next));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_s_memory_is_what_was_predicted_to_the_byte(bool recompute)
    {
        var config = new TransformerConfig
        {
            VocabSize = 64,
            HiddenSize = 64,
            IntermediateSize = 96,
            NumLayers = 3,
            NumHeads = 4,
            NumKeyValueHeads = 4,
            MaxPositions = 64
        };
        using (Device source = Device.Cpu(1))
        {
            using Transformer random = Models.Random(source, config, seed: 1);
            Checkpoint.Save(folder["base"], random, null, ElementType.BF16);
        }

        var batch = new ResponseBatch(Models.Examples(8, 64, seed: 3));
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder["base"], device, trainable: false);
        using Transformer policy = model.Adapted(Lora, seed: 1);
        policy.Recompute = recompute;
        using var optimizer = new AdamW(policy.Parameters);
        using Tape tape = Tape.Record(device);
        tape.Backward(new Objective().Loss(tape, policy.Rows(tape, batch), batch, 1f / batch.N));
        optimizer.Step(0);

        StepMemory predicted = StepMemory.OfSft(config, batch, recompute, Lora, ElementType.BF16, device);
        Assert.Equal(device.PersistentBytes, predicted.Parameters + predicted.Gradients + predicted.Optimizer);
        Assert.Equal(device.PeakBytes, predicted.Total);
        Assert.InRange(predicted.Frozen, 2 * model.ParameterCount, 2 * model.ParameterCount + 4 * 64 * 7); // norms are float32
        Assert.True(predicted.Gradients < predicted.Frozen);
    }

    [Fact]
    public void A_blank_like_an_adapted_model_has_the_type_of_each_of_its_matrices()
    {
        using Device device = Device.Cpu(1);
        Base("llama", device).Dispose();
        string path = Path.Combine(folder[$"llama-{ElementType.BF16}"], "model.safetensors");
        TensorData[] mixed;
        using (SafetensorsReader file = SafetensorsReader.Open(path))
        {
            mixed = [.. file.Entries.Values.Select(e => new TensorData(e.Name, e.Shape, file.ReadFloat32(e.Name))
            {
                Type = e.Name.Contains("layers.0.mlp.up_proj", StringComparison.Ordinal) ? ElementType.F16
                    : e.Name.Contains("lm_head", StringComparison.Ordinal) ? ElementType.F32 : ElementType.BF16,
            })];
        }

        SafetensorsWriter.Write(path, mixed);
        using Transformer model = Base("llama", device), policy = model.Adapted(Lora, seed: 1);
        using Device dry = Device.DryRun(like: device);
        using Transformer blank = Transformer.BlankLike(policy, dry);
        Assert.Equal(3, policy.Parameters.Select(p => p.Type).Distinct().Count());
        Assert.Equal(Kinds(policy), Kinds(blank));

        static IEnumerable<(string, ElementType, bool)> Kinds(Transformer of) => of.Parameters.Select(p => (p.Name, p.Type, p.Trainable));
    }

    [Theory]
    [InlineData("w_proj", "'w_proj' is no projection")]
    [InlineData("lm_head", "'lm_head' is no projection")]
    public void A_target_that_the_model_does_not_have_is_refused_by_name(string target, string message)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Base("llama", device);
        var error = Assert.Throws<ArgumentException>(() => model.Adapted(Lora with { Targets = ["q_proj", target] }, seed: 1));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_family_whose_projections_are_fused_in_files_is_refused()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Base("gpt2", device);
        Assert.Contains("gpt2", Assert.Throws<ArgumentException>(() => model.Adapted(Lora, seed: 1)).Message, StringComparison.Ordinal);
    }

    /// <summary>Gives both factors of all adapters random numbers.</summary>
    internal static void Fill(Transformer adapted, ulong seed)
    {
        foreach (Parameter p in adapted.Parameters.Where(p => p.Name.Contains("lora_", StringComparison.Ordinal)))
        {
            p.Set(Operand.Normal(p.Shape.Count, seed++, scale: 0.2));
        }
    }

    /// <summary>The log-probabilities' gradient, added to the parameters'.</summary>
    private static void Gradient(Transformer model)
    {
        var batch = new ResponseBatch(Models.Examples(6, 19, seed: 4));
        using Tape tape = Tape.Record(model.Device);
        tape.Backward(new Objective().Loss(tape, model.Rows(tape, batch), batch, 1f / batch.N));
    }

    private static float[] Logits(Transformer model, int[] ids)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        return model.Forward(tape.OfLength(ids, ids.Length)).ToArray();
    }

    private Transformer Base(string family, Device device, ElementType type = ElementType.BF16)
    {
        string path = folder[$"{family}-{type}"];
        if (!Directory.Exists(path)) new FamilyCase(family).Write(path, type);
        return Checkpoint.LoadModel(path, device, trainable: false);
    }
}
