using System.Security.Cryptography;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public sealed class CheckpointTests
{
    private static readonly TransformerConfig Config = new()
    {
        VocabSize = 262,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositions = 32,
        BeginId = 256,
        Ends = 257,
    };

    private static readonly Example[] Demonstrations =
        [.. Enumerable.Range(0, 30)
            .Select(i => Example.FromText($"{i}?", new string((char)('a' + i % 7), 1 + i % 4), new ByteTokenizer()))];

    private static readonly SftOptions Options = new() { Steps = 7, BatchSize = 8, LearningRate = 1e-2, Seed = 3 };

    [Fact]
    public void A_saved_model_loads_with_the_same_logits_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        Checkpoint.Save(folder["model"], model, new ByteTokenizer());
        Assert.Equal(["SHA256SUMS", "config.json", "model.safetensors", "tokenizer.json"], Files(folder["model"]));
        using Transformer loaded = Checkpoint.LoadModel(folder["model"], device);
        Assert.Equal(Config, loaded.Config);
        Assert.Equal(Logits(model), Logits(loaded));
        Assert.IsType<ByteTokenizer>(Checkpoint.LoadTokenizer(folder["model"], loaded.Config, out _));
    }

    [Fact]
    public void A_models_other_files_are_carried_byte_for_byte_and_its_end_tokens_reach_its_tokenizer()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config with { Ends = new EndTokens(261, 257) }, ParameterSource.Random(device, 1));
        Checkpoint.Save(folder["model"], model, new ByteTokenizer());
        byte[] generation = [.. "{ \"eos_token_id\": 10 }\r\n"u8], template = [0xEF, 0xBB, 0xBF, .. "{{ messages }}"u8];
        File.WriteAllBytes(Path.Combine(folder["model"], "generation_config.json"), generation);
        File.WriteAllBytes(Path.Combine(folder["model"], "chat_template.jinja"), template);
        using Transformer loaded = Checkpoint.LoadModel(folder["model"], device);
        ITokenizer tokenizer = Checkpoint.LoadTokenizer(folder["model"], loaded.Config, out _)!;
        Assert.Equal("257, 261, 10", $"{tokenizer.Tokens.Ends}"); // the tokenizer's own follows a text
        using Transformer trained = loaded.Clone();
        Checkpoint.Save(folder["copy"], trained, tokenizer);
        Assert.Equal(["SHA256SUMS", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"],
            Files(folder["copy"]));
        Assert.Equal(generation, File.ReadAllBytes(Path.Combine(folder["copy"], "generation_config.json")));
        Assert.Equal(template, File.ReadAllBytes(Path.Combine(folder["copy"], "chat_template.jinja")));
        Assert.Equal(File.ReadAllText(Path.Combine(folder["model"], "config.json")),
            File.ReadAllText(Path.Combine(folder["copy"], "config.json")));
    }

    [Fact]
    public void A_checkpoint_to_resume_from_holds_moments_and_where_the_run_stands()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        using var optimizer = new AdamW(model.Parameters);
        foreach (SftStep _ in Sft.Train(model, Demonstrations, Options with { Steps = 5 }, optimizer)) { }
        TrainerState state = TrainerState.Sft(5, Options, Demonstrations.Length);
        Checkpoint.Save(folder["last"], model, new ByteTokenizer(), optimizer, state);
        Assert.Equal(["SHA256SUMS", "config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "trainer.json"],
            Files(folder["last"]));
        Assert.Equal(state, TrainerState.Load(folder["last"]));
        Assert.Equal(new DataPosition(1, 1), state.Data); // 30 demonstrations are 4 batches of 8
        using SafetensorsReader moments = SafetensorsReader.Open(Path.Combine(folder["last"], "optimizer.safetensors"));
        Assert.Equal(model.Parameters.SelectMany(p => new[] { $"adamw.m.{p.Name}", $"adamw.v.{p.Name}" }), moments.Entries.Keys);
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(folder["x"], model, null, optimizer, state with { Updates = 4 }));
    }

    [Fact]
    public void Sft_and_dpr_resumed_from_a_checkpoint_at_any_update_end_with_the_same_weights()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var start = new Transformer(Config, ParameterSource.Random(device, 1));
        using Transformer reference = start.Clone(), expert = start.Clone(trainable: true);
        foreach (SftStep _ in Sft.Train(expert, Demonstrations, Options)) { }
        var reward = new DenseReward(expert.Clone(), reference);
        int[][] prompts = [.. Demonstrations.Select(d => d.PromptIds)];
        var dpr = new DprOptions { Updates = 4, PromptsPerUpdate = 6, MaxTokens = 5, Seed = 2 };

        IEnumerable<int> TrainSft(Transformer model, AdamW optimizer) =>
            Sft.Train(model, Demonstrations, Options, optimizer).Select(s => s.Step);
        IEnumerable<int> TrainDpr(Transformer model, AdamW optimizer) =>
            DensePathReinforce.Train(model, reward, prompts, dpr, optimizer).Select(s => s.Step);
        Check(start, TrainSft, updates => TrainerState.Sft(updates, Options, Demonstrations.Length), Options.Steps);
        Check(expert, TrainDpr, updates => TrainerState.Dpr(updates, dpr, prompts.Length), dpr.Updates);

        void Check(Transformer from, Func<Transformer, AdamW, IEnumerable<int>> train, Func<int, TrainerState> stateAt, int total)
        {
            string? undisturbed = null;
            for (int stop = total; stop >= 1; stop--) // the first round is not stopped before its end
            {
                using (Transformer model = from.Clone(trainable: true))
                {
                    using var optimizer = new AdamW(model.Parameters);
                    foreach (int step in train(model, optimizer))
                    {
                        if (step < stop) continue;
                        Checkpoint.Save(folder["last"], model, null, optimizer, stateAt(step));
                        break;
                    }
                }

                using Transformer resumed = from.Clone(trainable: true);
                using var again = new AdamW(resumed.Parameters);
                Assert.Equal(stateAt(stop), Checkpoint.Resume(folder["last"], resumed, again));
                foreach (int _ in train(resumed, again)) { }
                string weights = WeightsOf(resumed);
                undisturbed ??= weights;
                Assert.Equal(undisturbed, weights);
            }

            Assert.NotEqual(WeightsOf(from), undisturbed);
        }
    }

    [Fact]
    public void Weights_that_came_in_bfloat16_are_trained_and_resumed_in_float32_and_written_in_bfloat16_when_done()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using (var drawn = new Transformer(Config, ParameterSource.Random(device, 1))) Checkpoint.Save(folder["base"], drawn, null,
            ElementType.BF16);
        using Transformer model = Checkpoint.LoadModel(folder["base"], device), same = model.Clone();
        Assert.Equal((ElementType.BF16, ElementType.BF16), (model.StoredAs, same.StoredAs));
        Assert.Contains("\"torch_dtype\": \"bfloat16\"", File.ReadAllText(Path.Combine(folder["base"], "config.json")),
            StringComparison.Ordinal);

        // A step so small that bfloat16 would lose it.
        foreach (Parameter p in model.Parameters) p.Set([.. p.ToArray().Select(w => w * (1 + 1e-6f))]);
        using var optimizer = new AdamW(model.Parameters);
        Checkpoint.Save(folder["last"], model, null, optimizer, TrainerState.Sft(0, Options, 1));
        using Transformer resumed = same.Clone(trainable: true);
        using var again = new AdamW(resumed.Parameters);
        Checkpoint.Resume(folder["last"], resumed, again);
        Assert.Equal(WeightsOf(model), WeightsOf(resumed));
        Assert.NotEqual(WeightsOf(same), WeightsOf(resumed));
        Assert.Equal(ElementType.BF16, resumed.StoredAs);
        Checkpoint.Save(folder["final"], resumed, null);
        Checkpoint.Save(folder["exact"], resumed, null, ElementType.F32);
        Assert.True(new FileInfo(Path.Combine(folder["final"], "model.safetensors")).Length < new FileInfo(Path.Combine(folder["exact"],
            "model.safetensors")).Length);
        using Transformer final = Checkpoint.LoadModel(folder["final"], device), exact = Checkpoint.LoadModel(folder["exact"], device);
        Assert.Equal((WeightsOf(same), WeightsOf(resumed)), (WeightsOf(final), WeightsOf(exact)));
    }

    [Fact]
    public void Checksums_hear_the_stop_token_while_a_file_is_read()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        Checkpoint.Save(folder["model"], model, null);
        string weights = Path.Combine(folder["model"], "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);
        device.Stop = stop.Token;
        Assert.Throws<ChecksumException>(() => Checkpoint.LoadModel(folder["model"], device));
        stop.Cancel(); // before the damage is found, for which the whole file has to be read
        Assert.Throws<OperationCanceledException>(() => Checkpoint.LoadModel(folder["model"], device));
        Assert.Throws<OperationCanceledException>(() => Checksums.OfFile(weights, stop.Token));
    }

    [Fact]
    public void A_folder_that_cannot_be_used_is_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        Checkpoint.Save(folder["model"], model, null);
        Assert.Contains("There is no folder",
            Assert.Throws<FileNotFoundException>(() => Checkpoint.LoadModel(folder["none"], device)).Message, StringComparison.Ordinal);
        Assert.Contains("is a file",
            Assert.Throws<FileNotFoundException>(() => Checkpoint.LoadModel(Path.Combine(folder["model"], "config.json"), device)).Message,
            StringComparison.Ordinal);
        Assert.Contains("trainer.json", Assert.Throws<FileNotFoundException>(() => TrainerState.Load(folder["model"])).Message,
            StringComparison.Ordinal);
        Assert.Null(Checkpoint.LoadTokenizer(folder["model"], model.Config, out string? whyNone));
        Assert.Contains("pre-tokenized", whyNone, StringComparison.Ordinal);

        using var other = new Transformer(Config with { HiddenSize = 32 }, ParameterSource.Random(device, 1));
        using var optimizer = new AdamW(model.Parameters);
        Checkpoint.Save(folder["other"], model, null, optimizer, TrainerState.Sft(0, Options, 1));
        using var otherOptimizer = new AdamW(other.Parameters);
        Assert.Contains("another model",
            Assert.Throws<InvalidDataException>(() => Checkpoint.Resume(folder["other"], other, otherOptimizer)).Message,
            StringComparison.Ordinal);

        string weights = Path.Combine(folder["model"], "model.safetensors");
        File.Move(weights, weights + ".index.json");
        Assert.Contains("not valid JSON", Assert.ThrowsAny<Exception>(() => Checkpoint.LoadModel(folder["model"], device)).Message,
            StringComparison.Ordinal);
    }

    private static string[] Files(string folder) =>
        [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    private static float[] Logits(Transformer model)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        return model.Forward(tape.Sequences([256, 5, 9], [70, 257, 1])).ToArray();
    }

    private static string WeightsOf(Transformer model) => Convert.ToHexString(SHA256.HashData(
        [.. model.Parameters.SelectMany(p => p.ToArray()).SelectMany(BitConverter.GetBytes)]));
}
