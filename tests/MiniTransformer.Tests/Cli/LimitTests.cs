using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Cli;

/// <summary>Sizes that are too large are refused before memory is taken, with how much is needed and how much there is.</summary>
public sealed class LimitTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("--hidden", "300000", "--heads", "4")]
    [InlineData("--hidden", "30000", "--heads", "4", "--layers", "1000")]
    [InlineData("--layers", "1000000000")]
    [InlineData("--ffn", "2000000000")]
    public void A_model_that_no_memory_holds_is_refused_with_its_flags(params string[] size)
    {
        CliResult result = Cli.Run(["sft", "--task", "reverse", "--demonstrations", "20", "--threads", "1", "--out", folder["run"],
            .. size]);
        Assert.True(result.Code == ExitCode.BadUsage, result.Error);
        Assert.Matches($"(needs [0-9.,]+ GB of memory, and .* has [0-9.,]+ GB.*{size[0]}|{size[0]} {size[1]})", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void A_dpr_run_that_no_memory_holds_is_refused_before_a_weight_is_read()
    {
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--out", folder["sft"]]);
        string final = Path.Combine(folder["sft"], "checkpoints", "final");
        using Device device = Device.Cpu(1);
        TransformerConfig wide = TransformerConfig.Load(final) with { HiddenSize = 4096, IntermediateSize = 4096, NumLayers = 1 };
        // a third of the memory: one model would fit
        long layers = 1 + (long)(device.Backend.MemoryBytes / (3.0 * sizeof(float) * wide.ParameterCount));
        (wide with { NumLayers = (int)Math.Min(layers, 60_000) }).Save(final);
        File.Delete(Path.Combine(final, "SHA256SUMS"));
        CliResult dpr = Cli.Run("dpr", "--run", folder["sft"], "--updates", "1", "--threads", "1", "--out", folder["dpr"]);
        Assert.True(dpr.Code == ExitCode.BadUsage, dpr.Error);
        Assert.Matches("DPR needs [0-9.,]+ [GT]B of memory, and .* has [0-9.,]+ [MGT]B: .* for 1 reference", dpr.Error);
        Assert.False(Directory.Exists(folder["dpr"]));
    }

    [Fact]
    public void A_model_that_says_it_has_a_hundred_million_positions_answers()
    {
        using (Device device = Device.Cpu(1))
        using (Transformer model = Models.Random(device, Models.Odd with { VocabSize = 262, MaxPositions = 100_000_000 }, seed: 1))
            MiniTransformer.Training.Checkpoint.Save(folder["model"], model, new ByteTokenizer());
        Cli.Done("generate", "--model", folder["model"], "--prompt", "abc", "--max-tokens", "5", "--threads", "1");

        // All of its positions would be a cache of 19 GB a sequence: refused where there is less, and with the reason.
        using Device small = Device.Cpu(1);
        TransformerConfig config = Models.Odd with { MaxPositions = int.MaxValue, NumLayers = 60_000 };
        string said = Assert.Throws<DeviceException>(() => new KvCache(small, config, 256, 100_000_000)).Message;
        Assert.Matches(
            @"A cache of 256 sequences of 100000000 positions in 60000 layers needs [0-9,.]+ GB of memory, and .* has [0-9,.]+ GB; lower the longest response \(MaxTokens\)", said);
    }

    [Fact]
    public void So_many_sequences_are_drawn_together_as_their_caches_fit()
    {
        using Device device = Device.Cpu(1);
        long a = 2L * sizeof(float) * 2 * 2 * 6 * 4096; // keys and values of 2 layers, 2 heads of 6
        Assert.Equal(Math.Min(device.Backend.MemoryBytes / 2 / a, int.MaxValue / (2 * 6 * 4096)),
            KvCache.MostSlots(device, Models.Odd, 4096));
        Assert.Equal(1, KvCache.MostSlots(device, Models.Odd with { NumLayers = 60_000 }, 2_000_000_000));
    }

    [Fact]
    public void Buffers_that_are_too_large_together_are_refused_with_what_is_held_and_what_there_is()
    {
        using Device device = Device.Cpu(1);
        Assert.Matches(
            "the CPU's memory is too small: [0-9,.]+ [MG]B more are needed, [0-9,.]+ [MG]B are held, and there are [0-9,.]+ GB",
            Assert.Throws<DeviceException>(() => device.Backend.Allocate(1L << 50)).Message);
    }

    [Fact]
    public void A_line_of_fifty_megabytes_is_refused_by_its_number_before_it_is_read()
    {
        string file = folder["long.jsonl"];
        using (var writer = new StreamWriter(file))
        {
            writer.WriteLine("""{"prompt": "a", "completion": "b"}""");
            writer.Write("{\"prompt\": \"");
            string block = new('x', 1 << 20);
            for (int i = 0; i < 50; i++) writer.Write(block);
            writer.WriteLine("\", \"completion\": \"b\"}");
        }

        long before = GC.GetTotalAllocatedBytes();
        CliResult result = Cli.Run("sft", "--data", file, "--threads", "1", "--out", folder["run"]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("long.jsonl:2: the line is longer than 8 MiB", result.Error, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 400_000_000); // 4.9 GB without the limit; other tests allocate too
    }

    [Fact]
    public void Memory_that_runs_out_is_an_error_that_says_so()
    {
        Assert.True(Messages.IsOutOfMemory(new AggregateException(new OutOfMemoryException())));
        Assert.Matches("memory ran out: [0-9,.]+ [MG]B were in use, and there are [0-9,.]+ GB; lower the batch", Messages.OutOfMemory());
    }
}
