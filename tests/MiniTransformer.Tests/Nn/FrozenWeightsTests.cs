using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

/// <summary>Frozen weights stay in the type of their file, and nothing but the memory shows it.</summary>
public sealed class FrozenWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string, ElementType> Cases
    {
        get
        {
            var cases = new TheoryData<string, ElementType>();
            foreach (string name in FamilyCase.All.Keys)
            {
                foreach (ElementType type in Enum.GetValues<ElementType>()) cases.Add(name, type);
            }

            return cases;
        }
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_and_draws_are_those_of_the_model_in_float32_to_the_bit(string name, ElementType type) =>
        Agree("CPU, 3 threads", name, type);

    [DeviceTheory]
    [OnEveryDevice("llama 3.2", ElementType.BF16)]
    [OnEveryDevice("llama, linear, biased", ElementType.F16)]
    [OnEveryDevice("mistral", ElementType.BF16)]
    [OnEveryDevice("qwen2, window", ElementType.F16)]
    [OnEveryDevice("qwen3", ElementType.BF16)]
    [OnEveryDevice("gemma3", ElementType.F16)]
    [OnEveryDevice("gpt2", ElementType.BF16)]
    public void On_every_device_they_are(string device, string name, ElementType type) => Agree(device, name, type);

    private void Agree(string deviceName, string name, ElementType type)
    {
        new FamilyCase(name).Write(folder["model"], type);
        using Device device = Devices.Open(deviceName);
        using Transformer trainable = Checkpoint.LoadModel(folder["model"], device),
            frozen = Checkpoint.LoadModel(folder["model"], device, trainable: false);
        Assert.All(trainable.Parameters, p => Assert.Equal(ElementType.F32, p.Type));
        Assert.All(frozen.Parameters, p => Assert.Equal(p.Shape.Rank == 2 ? type : ElementType.F32, p.Type));
        Assert.All(frozen.Parameters, p => Assert.False(p.Trainable));
        Assert.Equal(type, frozen.StoredAs);
        Assert.True(frozen.HasWeightsOf(trainable) && trainable.HasWeightsOf(frozen));
        foreach ((Parameter a, Parameter b) in trainable.Parameters.Zip(frozen.Parameters)) Operand.Identical(a.ToArray(), b.ToArray());

        int[] ids = Operand.Ids(29, 19, seed: 2);
        Operand.Identical(Logits(trainable, ids), Logits(frozen, ids));
        int[][] prompts = [[1, 5, 7], [3], [2, 9, 11, 4]];
        var options = new SamplingOptions { MaxTokens = 9, Seed = 3 };
        SampledResponse[] expected = Sampler.Generate(trainable, prompts, new EndTokens([18]), options),
            drawn = Sampler.Generate(frozen, prompts, new EndTokens([18]), options);
        Assert.Equal(expected.Select(r => r.Ids), drawn.Select(r => r.Ids));
        foreach ((SampledResponse a, SampledResponse b) in expected.Zip(drawn)) Operand.Identical(a.LogProbs, b.LogProbs);
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void A_gradient_flows_through_frozen_weights_as_through_their_float32(string deviceName)
    {
        new FamilyCase("gpt2").Write(folder["model"], ElementType.BF16);
        using Device device = Devices.Open(deviceName);
        using Transformer trainable = Checkpoint.LoadModel(folder["model"], device),
            frozen = Checkpoint.LoadModel(folder["model"], device, trainable: false);
        float[][] gradients = [.. new[] { trainable, frozen }.Select(model =>
        {
            Parameter w = model.Parameters.First(p => p.Name.EndsWith("q_proj.weight", StringComparison.Ordinal));
            using Tape tape = Tape.Record(device);
            Tensor x = tape.Variable(Operand.Normal(5 * w.Shape[1], seed: 4), new Shape(5, w.Shape[1]));
            tape.Backward(x.Linear(w).Square().Sum());
            return x.GradToArray();
        })];
        Operand.Identical(gradients[0], gradients[1]);
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void A_frozen_clone_takes_no_memory_and_a_trainable_one_float32_of_its_own(string deviceName)
    {
        new FamilyCase("llama").Write(folder["model"], ElementType.BF16);
        using Device device = Devices.Open(deviceName);
        using Transformer frozen = Checkpoint.LoadModel(folder["model"], device, trainable: false);
        long before = device.PersistentBytes;
        float[][] weights = frozen.Weights();
        using (Transformer shared = frozen.Clone(), again = shared.Clone())
        {
            Assert.Equal(before, device.PersistentBytes);
            Assert.All(again.Parameters.Zip(frozen.Parameters), pair => Assert.Equal(pair.Second.Type, pair.First.Type));
            Assert.True(again.HasWeightsOf(frozen));

            // What becomes trainable, or is changed, has memory of its own; the others keep theirs.
            foreach (Parameter p in again.Parameters) p.Trainable = true;
            Assert.All(again.Parameters, p => Assert.Equal(ElementType.F32, p.Type));
            Assert.True(again.HasWeightsOf(frozen));
            foreach (Parameter p in shared.Parameters) p.Set(new float[p.Shape.Count]);
            foreach (Parameter p in again.Parameters) p.Set(new float[p.Shape.Count]);
            Assert.True(again.HasWeightsOf(shared));
        }

        Assert.Equal(before, device.PersistentBytes);
        using Transformer policy = frozen.Clone(trainable: true);
        Assert.Equal(4 * policy.ParameterCount, device.PersistentBytes - before);
        Assert.All(policy.Parameters, p => Assert.True(p.Trainable && p.Type == ElementType.F32));
        Assert.Equal(weights, policy.Weights());
        Assert.Equal(weights, frozen.Weights());
    }

    [Fact]
    public void Weights_of_16_bits_take_half_the_memory_and_decoding_takes_no_copy_of_them()
    {
        var config = new TransformerConfig
        {
            VocabSize = 96,
            HiddenSize = 64,
            IntermediateSize = 96,
            NumLayers = 2,
            NumHeads = 4,
            NumKeyValueHeads = 4,
            MaxPositions = 32
        };
        using Device device = Device.Cpu(1);
        using (Transformer model = Models.Random(device, config, seed: 1)) Checkpoint.Save(folder["model"], model, null, ElementType.BF16);
        long before = device.PersistentBytes;
        using Transformer frozen = Checkpoint.LoadModel(folder["model"], device, trainable: false);
        long vectors = frozen.Parameters.Where(p => p.Shape.Rank == 1).Sum(p => p.Shape.Count);
        Assert.Equal(2 * (frozen.ParameterCount - vectors) + 4 * vectors, device.PersistentBytes - before);
        Sampler.Generate(frozen, [[1, 2, 3]], new EndTokens([0]), new SamplingOptions { MaxTokens = 4 });
        Assert.All(frozen.Parameters, p => Assert.Null(p.Packed.Layout));
    }

    [Theory]
    [InlineData(ElementType.F16, float.PositiveInfinity)]
    [InlineData(ElementType.BF16, float.NaN)]
    [InlineData(ElementType.F32, float.NegativeInfinity)]
    public void A_weight_that_is_no_number_is_refused_by_its_place_whatever_its_type(ElementType type, float wrong)
    {
        var family = new FamilyCase("llama");
        string name = "model.layers.1.mlp.up_proj.weight";
        float[] values = family.Tensors[name].Values;
        values[117] = wrong;
        Directory.CreateDirectory(folder["model"]);
        family.Write(folder["model"], type);
        using Device device = Device.Cpu(1);
        var error = Assert.Throws<SafetensorsException>(() => Checkpoint.LoadModel(folder["model"], device, trainable: false));
        Assert.Contains($"tensor '{name}': element 117 is {wrong}", error.Message, StringComparison.Ordinal);
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void An_op_that_cannot_read_a_frozen_matrix_says_so(string deviceName)
    {
        new FamilyCase("llama").Write(folder["model"], ElementType.BF16);
        using Device device = Devices.Open(deviceName);
        using Transformer frozen = Checkpoint.LoadModel(folder["model"], device, trainable: false);
        using Tape tape = Tape.NoGrad(device);
        Tensor ones = tape.Constant(Enumerable.Repeat(1f, 19 * 12).ToArray(), new Shape(19, 12));
        var error = Assert.Throws<NotSupportedException>(() => ones + (Tensor)frozen.Parameters[0]);
        Assert.Contains("bfloat16", error.Message, StringComparison.Ordinal);
        Assert.Contains("trainable: true", error.Message, StringComparison.Ordinal);
    }

    private static float[] Logits(Transformer model, int[] ids)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        return model.Forward(tape.OfLength(ids, ids.Length)).ToArray();
    }
}
