using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Nn;

/// <summary>Whatever is decoded together, and whenever a prompt begins in whatever slot, its response is the same.</summary>
public class ContinuousSamplingTests
{
    private const int End = 1;

    /// <summary>
    /// Prompts of very different length: three of 39 tokens, then one of 2, and so on. The last positions leave room for two tokens, or for
    /// 39.
    /// </summary>
    private static readonly int[][] Prompts = [.. Enumerable.Range(0, 40)
        .Select(i => Operand.Ids(i % 4 == 3 ? 2 : 39, Models.Odd.VocabSize, seed: 3 + (ulong)i))];

    [DeviceTheory, OnEveryDevice]
    public void Responses_do_not_depend_on_the_cache_s_memory_nor_on_the_order_of_the_prompts(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        var options = new SamplingOptions { MaxTokens = 30, Seed = 5 };
        SampledResponse[] all = Sampler.Generate(model, Prompts, End, options);
        long slot = 2L * sizeof(float) * 2 * 2 * 6 * 48; // keys and values of 2 layers, 2 heads of 6, 40 positions rounded up to 48
        foreach (SamplingOptions other in (SamplingOptions[])[
            options with { CacheBytes = 1 }, options with { CacheBytes = 5 * slot }, options with { BatchSize = 3 },
            options with { ByLength = true },
            options with { ByLength = true, CacheBytes = 3 * slot }])
        {
            SampledResponse[] responses = Sampler.Generate(model, Prompts, End, other);
            for (int i = 0; i < all.Length; i++)
            {
                Assert.Equal(all[i].Ids, responses[i].Ids);
                Assert.Equal((all[i].Ended, all[i].ContextFull), (responses[i].Ended, responses[i].ContextFull));
                if (Devices.IsCpu(name)) Operand.Identical(all[i].LogProbs, responses[i].LogProbs);
            }
        }
    }

    [Fact]
    public void A_finished_sequences_slot_goes_to_the_next_prompt()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int steps = 0;
        var options = new SamplingOptions { MaxTokens = 30, BatchSize = 4, Progress = _ => steps++ };
        SampledResponse[] responses = Sampler.Generate(model, Prompts, EndTokens.None, options);
        Assert.Equal(10 * 30 + 30 * 2, responses.Sum(r => r.Ids.Length));

        // In batches of four, each would take the 30 steps of its longest, 300 in all; four slots that are never empty take a quarter of
        // the tokens.
        Assert.InRange(steps, 90, 150);
    }

    [Fact]
    public void The_cache_takes_no_more_memory_than_is_stated()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1), other = Models.Random(device, Models.Odd, seed: 2);
        long before = 0, most = 0, slot = 2L * sizeof(float) * 2 * 2 * 6 * 48;
        var options = new SamplingOptions
        {
            MaxTokens = 30,
            CacheBytes = 20 * slot,
            Progress = _ => most = Math.Max(most, device.PersistentBytes - before),
        };
        foreach (Action draw in (Action[])[
            () => Sampler.Generate(model, Prompts, EndTokens.None, options),
            () => Sampler.Extrapolate(model, other, 1, Prompts, EndTokens.None, options)])
        {
            (before, most) = (device.PersistentBytes, 0);
            draw();
            Assert.InRange(most, 20 * slot, 30 * slot); // and the packed weights or rotation tables, if any
        }

        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, Prompts, EndTokens.None, new SamplingOptions { CacheBytes = -1 }));
    }

    [Fact]
    public void By_length_a_cache_is_at_most_twice_as_long_as_any_of_its_sequences_needs()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int[][] prompts = [.. Enumerable.Range(0, 12).Select(i => new int[i % 2 == 0 ? 33 : 13])];
        long before = device.PersistentBytes;
        List<long> held = [];
        var options = new SamplingOptions { MaxTokens = 4, ByLength = true, Progress = _ => held.Add(device.PersistentBytes - before) };
        SampledResponse[] sorted = Sampler.Generate(model, prompts, EndTokens.None, options);
        Assert.True(held.Min() * 1.2 < held.Max()); // 6 of 16 positions; 6 of 36, in 48
        Assert.Equal(Sampler.Generate(model, prompts, EndTokens.None, options with { ByLength = false, Progress = null })
            .Select(r => r.Ids), sorted.Select(r => r.Ids));
    }
}
