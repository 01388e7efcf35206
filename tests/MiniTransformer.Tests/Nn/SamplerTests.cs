using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

public class SamplerTests
{
    private const int End = 2;

    // Lengths 1 to 6, so that prompts of one token come alone, in mixed batches and in batches of their own.
    private static readonly int[][] Prompts = [.. Models.Examples(67, Models.Odd.VocabSize, seed: 9).Select(e => e.PromptIds)];

    [DeviceTheory, OnEveryDevice]
    public void Log_probabilities_of_cached_decoding_equal_the_full_forward_pass(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        SampledResponse[] responses = Sampler.Generate(model, Prompts, End, new SamplingOptions { MaxTokens = 12, BatchSize = 16 });
        var batch = new ResponseBatch([.. responses.Select((r, i) => new Example(Prompts[i], r.Ids))]);
        using Tape tape = Tape.Record(device);
        float[] teacherForced = model.Rows(tape, batch).LogProb(tape.Targets(batch)).ToArray();
        Devices.Agree(name, teacherForced, [.. responses.SelectMany(r => r.LogProbs)]);
        Assert.True(responses.Count(r => r.Ids.Length > 1) > 30);
    }

    [DeviceTheory]
    [OnEveryDevice(ElementType.BF16, false)]
    [OnEveryDevice(ElementType.F16, false)]
    [OnEveryDevice(ElementType.F32, false)]
    [OnEveryDevice(ElementType.BF16, true)]
    public void They_are_where_frozen_weights_keep_their_type_and_where_adapters_are_trained_on_them(string name, ElementType type,
        bool adapted)
    {
        using var folder = new TemporaryFolder();
        using Device device = Devices.Open(name);
        using (Transformer random = Models.Random(device, Models.Odd, seed: 1)) Checkpoint.Save(folder["model"], random, null, type);
        using Transformer frozen = Checkpoint.LoadModel(folder["model"], device, trainable: false),
            model = adapted ? frozen.Adapted(new LoraOptions { Rank = 3 }, seed: 2) : frozen.Clone();
        if (adapted) LoraTests.Fill(model, seed: 3);
        SampledResponse[] responses = Sampler.Generate(model, Prompts, End, new SamplingOptions { MaxTokens = 12, BatchSize = 16 });
        var batch = new ResponseBatch([.. responses.Select((r, i) => new Example(Prompts[i], r.Ids))]);
        using Tape tape = Tape.Record(device);
        float[] teacherForced = model.Rows(tape, batch).LogProb(tape.Targets(batch)).ToArray();
        Devices.Agree(name, teacherForced, [.. responses.SelectMany(r => r.LogProbs)]);
        Assert.True(batch.N > 256); // rows of the last block: another path than that of 16
    }

    [Fact]
    public void The_same_seed_gives_the_same_text_for_every_batch_size_and_number_of_threads()
    {
        SampledResponse[]? first = null;
        foreach (int threads in (int[])[1, 2, 3])
        {
            using Device device = Device.Cpu(threads);
            using Transformer model = Models.Random(device, Models.Odd, seed: 1);
            foreach (int batchSize in (int[])[1, 7, 64])
            {
                SampledResponse[] responses = Sampler.Generate(model, Prompts, End,
                    new SamplingOptions { MaxTokens = 9, BatchSize = batchSize, Seed = 5 });
                first ??= responses;
                for (int i = 0; i < first.Length; i++)
                {
                    Assert.Equal(first[i].Ids, responses[i].Ids);
                    Operand.Identical(first[i].LogProbs, responses[i].LogProbs);
                }
            }
        }

        using Device cpu = Device.Cpu(1);
        using Transformer same = Models.Random(cpu, Models.Odd, seed: 1);
        SampledResponse[] other = Sampler.Generate(same, Prompts, End, new SamplingOptions { MaxTokens = 9, Seed = 6 });
        Assert.Contains(Enumerable.Range(0, other.Length), i => !other[i].Ids.SequenceEqual(first![i].Ids));
    }

    [DeviceTheory, OnEveryDevice]
    public void A_response_ends_at_the_first_end_token_of_several(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        var options = new SamplingOptions { MaxTokens = 12 };
        EndTokens ends = new(7, End);
        SampledResponse[] free = Sampler.Generate(model, Prompts, EndTokens.None, options),
            stopped = Sampler.Generate(model, Prompts, ends, options);
        for (int i = 0; i < Prompts.Length; i++)
        {
            int first = Array.FindIndex(free[i].Ids, ends.Contains);
            Assert.Equal(first < 0 ? free[i].Ids : free[i].Ids[..(first + 1)], stopped[i].Ids);
            Assert.Equal(first >= 0, stopped[i].Ended);
        }

        Assert.Equal([End, 7], stopped.Where(r => r.Ended).Select(r => r.Ids[^1]).Distinct().Order());
    }

    [DeviceTheory, OnEveryDevice]
    public void Each_response_has_the_room_that_its_own_prompt_leaves(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd with { MaxPositions = 8 }, seed: 1);
        var options = new SamplingOptions { MaxTokens = 7, BatchSize = 3 };
        int[][] prompts = [.. Enumerable.Range(1, 10).Select(n => Enumerable.Repeat(n, n).ToArray())];
        SampledResponse[] together = Sampler.Generate(model, prompts, EndTokens.None, options);
        Assert.Equal([7, 7, 6, 5, 4, 3, 2, 1, 0, 0], together.Select(r => r.Ids.Length));
        Assert.Equal(together.Select(r => r.Ids.Length < 7), together.Select(r => r.ContextFull));
        Assert.DoesNotContain(together, r => r.Ended);
        for (int i = 0; i < prompts.Length; i++)
        {
            SampledResponse alone = Sampler.Generate(model, [prompts[i]], EndTokens.None, options with { FirstStream = (ulong)i }).Single();
            Assert.Equal(alone.Ids, together[i].Ids);
            Devices.Agree(name, alone.LogProbs, together[i].LogProbs);
        }

        // Ended by its end token in the last position: it has ended, and nothing was cut off.
        Assert.Equal((true, false), Sampler.Generate(model, [prompts[7]], new EndTokens(together[7].Ids), options with { FirstStream = 7 })
            .Select(r => (r.Ended, r.ContextFull)).Single());
        Assert.Equal([.. together.Select(r => Math.Min(3, r.Ids.Length))],
            Sampler.Generate(model, prompts, EndTokens.None, options with { MaxTokens = 3 }).Select(r => r.Ids.Length));
        using Transformer shorter = Models.Random(device, Models.Odd with { MaxPositions = 5 }, seed: 2);
        Assert.Equal(
            [5, 4, 3, 2, 1, 0], Sampler.Extrapolate(model, shorter, .5f, prompts[..6], EndTokens.None, options).Select(r => r.Ids.Length));
    }

    [Fact]
    public void A_prompts_draws_follow_its_stream_not_its_place()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        var options = new SamplingOptions { MaxTokens = 9 };
        SampledResponse[] all = Sampler.Generate(model, Prompts, End, options);
        SampledResponse[] tail = Sampler.Generate(model, Prompts[10..], End, options with { FirstStream = 10 });
        for (int i = 10; i < all.Length; i++) Assert.Equal(all[i].Ids, tail[i - 10].Ids);
    }

    [Fact]
    public void The_draw_of_a_token_depends_on_its_place_in_the_response_and_not_on_the_prompt_s_length()
    {
        using Device device = Device.Cpu(1);
        using Transformer uniform = Transformer.Blank(Models.Odd, device); // weights of zero: all tokens are equally probable
        var options = new SamplingOptions { MaxTokens = 20, Seed = 5 };
        SampledResponse brief = Sampler.Generate(uniform, [[1]], EndTokens.None, options).Single(),
            after = Sampler.Generate(uniform, [[1, 2, 3]], EndTokens.None, options).Single();
        Assert.Equal(brief.Ids, after.Ids);
        Assert.True(brief.Ids.Distinct().Count() > 5);
    }

    [DeviceTheory, OnEveryDevice]
    public void Temperature_zero_takes_the_most_probable_token(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        SampledResponse[] responses = Sampler.Generate(model, Prompts[..8], End, SamplingOptions.Greedy with { MaxTokens = 6 });
        for (int i = 0; i < responses.Length; i++)
        {
            int[] prompt = Prompts[i], ids = responses[i].Ids;
            double[][] logits = Reference(model, [.. prompt, .. ids])[(prompt.Length - 1)..^1];
            Assert.Equal(logits.Select(row => Array.IndexOf(row, row.Max())), ids);
        }
    }

    [Theory]
    [InlineData(1f, 0, 1f)]
    [InlineData(0.5f, 0, 1f)]
    [InlineData(1f, 4, 1f)]
    [InlineData(1f, 0, 0.6f)]
    [InlineData(1.5f, 6, 0.8f)]
    public void First_tokens_are_drawn_from_the_tempered_and_truncated_policy(float temperature, int topK, float topP)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        const int draws = 4000;
        int[][] prompts = [.. Enumerable.Repeat(Prompts[0], draws)];
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MaxTokens = 1, BatchSize = 1000 };
        int[] counts = new int[Models.Odd.VocabSize];
        foreach (SampledResponse r in Sampler.Generate(model, prompts, End, options)) counts[r.Ids[0]]++;

        // Each count is binomial: within 5 standard deviations, which one of 19 misses once in 90,000 seeds; and what is cut off never
        // comes.
        double[] p = SampleReference.Distribution(Reference(model, Prompts[0])[^1], temperature, topK, topP);
        for (int a = 0; a < p.Length; a++)
        {
            Assert.True(Math.Abs(counts[a] - draws * p[a]) <= 5 * Math.Sqrt(draws * p[a] * (1 - p[a])),
                $"token {a}: {counts[a]} of {draws * p[a]:F1}");
        }
    }

    [Fact]
    public void A_response_stops_at_the_end_token_or_at_the_longest_length()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        SampledResponse[] responses = Sampler.Generate(model, Prompts, End, new SamplingOptions { MaxTokens = 12 });
        foreach (SampledResponse r in responses)
        {
            Assert.DoesNotContain(End, r.Ids[..^1]);
            Assert.Equal(r.Ended, r.Ids[^1] == End);
            Assert.True(r.Ended || r.Ids.Length == 12);
            Assert.Equal(r.Ids.Length, r.LogProbs.Length);
        }

        Assert.Contains(responses, r => r.Ended);
        Assert.Contains(responses, r => !r.Ended);
    }

    [Fact]
    public void Extrapolation_by_zero_is_the_policy_itself_and_a_prompt_without_a_token_is_refused()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1), other = Models.Random(device, Models.Odd, seed: 2);
        var options = new SamplingOptions { MaxTokens = 6 };
        SampledResponse[] plain = Sampler.Generate(model, Prompts, End, options),
            zero = Sampler.Extrapolate(model, other, 0, Prompts, End, options);
        for (int i = 0; i < plain.Length; i++) Assert.Equal(plain[i].Ids, zero[i].Ids);
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[1], []], End, options));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, Prompts, End, options with { Temperature = float.NaN }));
    }

    private static double[][] Reference(Transformer model, int[] ids) =>
        Plain.Of(model).Logits(ids);
}
