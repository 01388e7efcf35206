using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class AdvisorTests
{
    // float32 through a model of 4 units against double: sums of at most three log-probabilities.
    private const double Tolerance = 1e-5;

    [DeviceTheory]
    [OnEveryDevice(1f)]
    [OnEveryDevice(2.5f)]
    public void The_likelihood_of_an_extrapolated_policy_is_normalised_at_each_state(string device, float alpha)
    {
        using var world = new TinyWorld(device);
        Example[] examples = [.. world.Responses.Select(y => new Example(TinyWorld.Prompt, y)), new Example(TinyWorld.Prompt, [])];
        double[] actual = ResponseLikelihood.Of(new Extrapolation(world.Expert, world.Reference, alpha), examples);
        double[] expected = [.. world.Responses.Select(y =>
        {
            double[][] a = TinyWorld.Rows(world.ExpertInDouble, y), b = TinyWorld.Rows(world.ReferenceInDouble, y);
            return y.Select((id, t) =>
                LogSoftmaxReference.LogSoftmax([.. a[t].Zip(b[t], (p, q) => (1 + alpha) * p - alpha * q)], a[t].Length)[id]).Sum();
        })];
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], Tolerance);
        Assert.Equal(0, actual[^1]); // the empty response
        Assert.Equal(1, actual[..^1].Sum(Math.Exp), 1e-4); // it is a distribution over the complete responses
    }

    [Fact]
    public void The_gain_is_paired_over_the_prompts()
    {
        using Device device = Device.Cpu(1);
        using Transformer sft = Toy.Model(device, 1), reference = Toy.Model(device, 2);

        // Greedy and sampled of SFT, then of the candidate: differences 0 1 1 0 with mean 1/2, s² = 4 · (1/4) / 3, and s/√4 = √(1/12).
        var judged = new Queue<bool[]>([[true, false, false, false], [true, true, false, false], [true, true, true, false],
            [true, false, false, false]]);
        AdvisedPolicy[] rows = [.. Advisor.ByAccuracy(
            sft, [("early", reference)], [.. Toy.Examples.Take(4).Select(e => e.PromptIds)],
            responses => new Accuracy(0, new Dictionary<string, double>(), responses, judged.Dequeue()), Toy.End, Toy.Examples,
            Options with { Continued = null })];
        Assert.Equal(2, rows.Length);
        Assert.Equal(new AdvisedPolicy(AdvisedKind.Sft, "SFT", .25, .5, 0, 0, 0), rows[0]);
        Assert.Equal(("early", .75, .25, .5, -.25, 1.0),
            (rows[1].Name, rows[1].Score, rows[1].Sampled, rows[1].Gain, rows[1].SampledGain, rows[1].Alpha));
        Assert.Equal(Math.Sqrt(1 / 12.0), rows[1].StandardError, 1e-12);
    }

    [Fact]
    public void A_reference_equal_to_sft_promises_nothing()
    {
        using Device device = Device.Cpu(1);
        using Transformer sft = Toy.Model(device);
        AdvisedPolicy[] rows = [.. Advisor.ByLikelihood(sft, [("itself", sft)], Toy.Examples, Toy.End, Toy.Examples,
            Options with { Continued = null })];
        Assert.Equal(0, rows[1].Gain, 1e-4); // (1 + α) Q − α Q in float32, over 125 tokens of log-probabilities near −2
        Assert.Equal(AdviceAction.Stop, Advisor.Decide(rows, AdviceScore.LogLikelihood, Toy.Examples.Length, Options).Action);
    }

    [Fact]
    public void Continued_sft_is_sft_continued_and_the_policy_stays_as_it_is()
    {
        using Device device = Device.Cpu(1);
        using Transformer sft = Toy.Model(device), continued = sft.Clone(trainable: true);
        float[] before = sft.Parameters[0].ToArray();
        AdvisedPolicy row = Advisor.ByLikelihood(sft, [], Toy.Examples, Toy.End, Toy.Examples, Options).Last();
        Assert.Equal(12, Sft.Train(continued, Toy.Examples, Options.Continued!).Count());
        Assert.Equal(ResponseLikelihood.Of(continued, Toy.Examples).Average(), row.Score, 1e-12);
        Assert.True(row.Gain > .1, $"twelve updates gained {row.Gain} nats on what they were trained on");
        Assert.Equal(before, sft.Parameters[0].ToArray());
    }

    [Fact]
    public void The_same_seed_gives_the_same_advice_for_any_number_of_threads()
    {
        var tokenizer = new ByteTokenizer();
        var splits = new PromptSplits(BuiltIn.Parse("reverse,upper"), 1, new PromptSplitSizes(0, 12, 0, 20));
        Example[] demonstrations = new Demonstrator().Demonstrate(splits.Demonstrations, tokenizer, 1);
        Advice[] advice = [.. new[] { 1, 3 }.Select(threads =>
        {
            using Device device = Device.Cpu(threads);
            TransformerConfig config = Toy.Config with { VocabSize = tokenizer.VocabSize, MaxPositions = 24 };
            using Transformer sft = new(config, ParameterSource.Random(device, 1)), early = new(config, ParameterSource.Random(device, 2));
            return Advisor.Advise(sft, [("early", early)], splits.Validation, tokenizer, demonstrations, Options);
        })];
        Assert.Equal(advice[0].Policies, advice[1].Policies);
        Assert.Equal(12, advice[0].Cases);
        Assert.Equal([AdvisedKind.Sft, AdvisedKind.Reference, AdvisedKind.ContinuedSft], advice[0].Policies.Select(p => p.Kind));
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void The_matched_alpha_is_one_over_beta_times_the_rms_of_advantages(string device)
    {
        using var world = new TinyWorld(device);
        int[][] responses = [.. world.Responses.Where((_, i) => i % 2 == 0)];
        const double gamma = .9;
        double[][] returns = [.. responses.Select(y =>
        {
            double[] r = world.Rewards(y);
            return r.Select((_, t) => r.Skip(t).Select((x, k) => x * Math.Pow(gamma, k)).Sum()).ToArray();
        })];
        double[] advantages = [.. returns.SelectMany(g =>
            g.Select((x, t) => x - returns.Where(other => other.Length > t).Average(other => other[t])))];
        double rms = Math.Sqrt(advantages.Average(a => a * a));
        var dpr = new DprOptions { Beta = .5, Gamma = gamma, Ends = TinyWorld.End };
        Example[] examples = [.. responses.Select(y => new Example(TinyWorld.Prompt, y))];
        Assert.Equal(1 / (.5 * rms), Advisor.MatchedAlpha(world.Expert, world.Reference, examples, dpr), 1e-3 / rms);
        Assert.Equal(2f, Advisor.MatchedAlpha(world.Expert, world.Reference, examples, dpr with { Whiten = false }));
        Assert.Throws<ArgumentException>(() => Advisor.MatchedAlpha(world.Expert, world.Reference, examples, dpr with { Beta = 0 }));
    }

    [Fact]
    public void The_trial_has_a_quarter_of_the_sequences_of_dpr()
    {
        SftOptions trial = AdvisorOptions.ContinuedFor(new SftOptions { Epochs = 3, KeepAt = [.5] },
            new DprOptions { Updates = 50, PromptsPerUpdate = 192 });
        Assert.Equal((75, 32), (trial.Steps, trial.BatchSize));
        Assert.Empty(trial.KeepAt);
    }

    [Fact]
    public void What_cannot_be_advised_on_is_refused()
    {
        using Device device = Device.Cpu(1);
        using Transformer sft = Toy.Model(device), other = new(Toy.Config with { VocabSize = 10 }, ParameterSource.Random(device, 1));
        Assert.Contains("nothing to validate on", Refused([("base", sft)], [], Options), StringComparison.Ordinal);
        Assert.Contains("the reference 'other' one of 10", Refused([("other", other)], Toy.Examples, Options), StringComparison.Ordinal);
        Assert.Contains("neither a candidate", Refused([], Toy.Examples, Options with { Continued = null }), StringComparison.Ordinal);

        string Refused((string, Transformer)[] references, Example[] validation, AdvisorOptions options) =>
            Assert.Throws<ArgumentException>(
            () => Advisor.ByLikelihood(sft, references, validation, Toy.End, Toy.Examples, options)).Message;
    }

    private static AdvisorOptions Options { get; } = new()
    {
        Sampling = new SamplingOptions { MaxTokens = 5 },
        Continued = new SftOptions { Steps = 12, BatchSize = 14, LearningRate = 2e-3, KeepAt = [] },
    };
}
