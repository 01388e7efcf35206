using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Experiments;

/// <summary>
/// How the comparison is wired: every method of every kind of regime is the direct call of its trainer with its options written out here,
/// and no two are the same; two seeds of a world share nothing that is drawn; and the numbers of a cell are computed again from its
/// responses.
/// </summary>
public sealed class WiringTests
{
    private const double Rate = 5e-4, SftRate = 4e-3;
    private const int Prompts = 16, Updates = 2, Batch = 16;

    private static readonly ByteTokenizer Tokenizer = new();

    public static TheoryData<string> Names => ["base-to-better", "lazyshift", "noisy"];

    // Small enough for seconds, so easy that some responses are right, and every setting written out.
    private static Regime Small(string name) => Regimes.Named(name) with
    {
        Tasks = "upper",
        Words = new Words(MinLength: 2, MaxLength: 3),
        Demonstrators = name == "lazyshift" ? [new() { Good = .7 }, new() { Good = .9 }] : [new() { Good = .8 }],
        Sizes = new PromptSplitSizes(Evaluation: 30, Validation: 20, Reinforcement: 40, Demonstrations: 160),
        Pretraining = new SftOptions { Steps = 6, BatchSize = 16, LearningRate = SftRate, WarmupSteps = 2, KeepAt = [], Shuffle = false },
        Sft = new SftOptions
        {
            Steps = 300,
            BatchSize = Batch,
            LearningRate = SftRate,
            WarmupSteps = 2,
            FinalFraction = .5,
            Shuffle = name != "lazyshift"
        },
        Dpr = new DprOptions
        {
            Updates = Updates,
            PromptsPerUpdate = Prompts,
            LearningRate = Rate,
            WarmupUpdates = 4,
            MaxTokens = 8,
            Beta = 1
        },
    };

    private static World Prepare(Regime regime, Device device, ulong seed = 3)
    {
        var world = new World(regime, seed, device);
        foreach (ExperimentEvent _ in world.Prepare())
        {
        }

        return world;
    }

    [Theory]
    [InlineData("base-to-better")]
    [InlineData("lazyshift")]
    public void Every_method_is_the_direct_call_of_its_trainer_and_no_two_are_the_same(string name)
    {
        using Device device = Device.Cpu(1);
        using World world = Prepare(Small(name), device);
        var seen = new Dictionary<string, string>();
        IEnumerable<Method> swept = Methods.StrengthSweeps(world.Regime).SelectMany(s => s.All.Where((_, i) => i == 0))
            .Concat(Methods.OfSweep(world.Regime).Where(m => m.Knob == "γ").Skip(1).Take(1));
        foreach (Method method in Methods.Of(world.Regime).Concat(swept).Where(m => m.Steps(world.Regime) > 0))
        {
            using Transformer policy = method.StartOf(world).Clone(trainable: true);
            foreach (TrainingStep _ in method.Train(world, policy))
            {
            }

            using Transformer direct = (method is ObjectiveMethod ? world.Start : world.Expert).Clone(trainable: true);
            foreach (TrainingStep _ in Direct(method.Label, world, direct))
            {
            }

            string weights = Weights(policy);
            Assert.True(weights == Weights(direct), $"{method.Label} is not what its direct call is");
            Assert.NotEqual(Weights(method.StartOf(world)), weights);
            Assert.False(seen.TryGetValue(weights, out string? twin), $"{method.Label} does what {twin} does");
            seen[weights] = method.Label;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_not_trained_is_what_it_says(string name)
    {
        using Device device = Device.Cpu(1);
        using World world = Prepare(Small(name), device);
        foreach (Method method in Methods.Of(world.Regime).Where(m => m.Steps(world.Regime) == 0))
        {
            using Transformer start = method.StartOf(world).Clone();
            SampledResponse[] drawn = method.PolicyOf(world, start)
                .Generate(Ids(world.Data.Evaluation), Tokenizer.Tokens.Ends, Sampling(world, "evaluation", method.Temperature));
            Policy expected = method.Label switch
            {
                "base" => Policy.Of(world.Start),
                "SFT" or "SFT at T = 0.5" => Policy.Of(world.Expert),
                _ when method is ExtrapolationMethod =>
                    new Extrapolation(world.Expert, world.Reference(name == "base-to-better" ? "base" : "10%"), 1),
                _ => throw new InvalidOperationException(method.Label),
            };
            float temperature = method.Label == "SFT at T = 0.5" ? .5f : 1;
            Assert.Equal(
                expected.Generate(Ids(world.Data.Evaluation), Tokenizer.Tokens.Ends, Sampling(world, "evaluation", temperature))
                    .Select(r => string.Join(',', r.Ids)), drawn.Select(r => string.Join(',', r.Ids)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Two_seeds_of_a_world_share_nothing_that_is_drawn(string name)
    {
        using Device device = Device.Cpu(1);
        using World one = Prepare(Small(name), device, 1), two = Prepare(Small(name), device, 2), again = Prepare(Small(name), device, 1);
        foreach (Func<World, string> drawn in new Func<World, string>[]
        {
            w => Joined(w.Data.Evaluation), w => Joined(w.Data.Validation), w => Joined(w.Data.Reinforcement), w => Text(w.Demonstrations),
            w => w.Regime.PretrainsBase ? Text(w.Data.Corpus()) : $"{w.Seed}", w => Weights(w.Start), w => Weights(w.Expert), w =>
                $"{w.SftOptions.Seed}", w => $"{w.DprOptions.Seed}",
            w => $"{w.SeedOf("evaluation")}", w => $"{w.SeedOf("validation")}", w => $"{w.SeedOf("planted")}",
        })
        {
            Assert.NotEqual(drawn(one), drawn(two));
            Assert.Equal(drawn(one), drawn(again));
        }

        // Initial weights differ by themselves, not by what was trained on them.
        using Transformer first = new(one.Regime.Model, ParameterSource.Random(device, 1)),
            second = new(one.Regime.Model, ParameterSource.Random(device, 2));
        Assert.NotEqual(Weights(first), Weights(second));
        if (!one.Regime.HasBase) Assert.Equal(Weights(first), Weights(one.Start));
        Assert.Equal(3, new[] { one.SeedOf("evaluation"), one.SeedOf("validation"), one.SeedOf("planted") }.Distinct().Count());
    }

    [Theory]
    [InlineData("base-to-better")]
    [InlineData("lazyshift")]
    public void Every_number_of_a_cell_follows_from_its_responses(string name)
    {
        using Device device = Device.Cpu(1);
        using World world = Prepare(Small(name), device);
        foreach (Method method in new Method[] { new SftMethod(), new CoolSftMethod(), new DprMethod(world.Regime.MainReference),
            new ExtrapolationMethod(world.Regime.MainReference) })
        {
            using Transformer policy = method.StartOf(world).Clone(trainable: true);
            foreach (TrainingStep _ in method.Train(world, policy))
            {
            }

            Policy measured = method.PolicyOf(world, policy);
            var done = Assert.IsType<MethodDone>(new Experiment(world).Run(method, curve: true).Last());
            MethodResult cell = done.Result;
            SampledResponse[] sampled = Draw(measured, world.Data.Evaluation, "evaluation", method.Temperature),
                greedy = Draw(measured, world.Data.Evaluation, "evaluation", 0);
            Assert.Equal(sampled.Select(r => string.Join(',', r.Ids)),
                done.Evaluation!.Sampled.Responses.Select(r => string.Join(',', r.Ids)));
            Assert.Equal(Right(world.Data.Evaluation, sampled), cell.Sampled);
            if (method is CoolSftMethod) Assert.True(double.IsNaN(cell.Greedy));
            else Assert.Equal(Right(world.Data.Evaluation, greedy), cell.Greedy);
            Assert.Equal(Right(world.Data.Validation, Draw(measured, world.Data.Validation, "validation", 0)), cell.ValidationGreedy);
            Assert.Equal(Right(world.Data.Validation, Draw(measured, world.Data.Validation, "validation", method.Temperature)),
                cell.ValidationSampled);
            Assert.Equal(sampled.Average(r => (double)r.Ids.Length), cell.Length, 12);
            var reward = new DenseReward(world.Expert, [world.Reference(name == "lazyshift" ? "10%" : "base")]);
            Assert.Equal(Evaluation.Measure(measured, reward, world.Data.Evaluation, Tokenizer,
                Sampling(world, "evaluation", method.Temperature)).Reward, cell.Reward, 9);
            Assert.Equal(sampled.Average(r => Tokenizer.Tokens.Ends.HasEnded(r.Ids) ? 1.0 : 0), cell.Ended, 12);
            foreach (IGrouping<string, int> task in Enumerable.Range(0, sampled.Length).GroupBy(i => world.Data.Evaluation[i].Task.Name))
                Assert.Equal(task.Average(i => world.Data.Evaluation[i].Accepts(sampled[i].Ids, Tokenizer) ? 1.0 : 0),
                    cell.Tasks[task.Key].Sampled, 12);
            Assert.Equal((world.Regime.Name, world.Seed, method.Name, method.Reference),
                (cell.Regime, cell.Seed, cell.Method, cell.Reference));
            Assert.InRange(cell.Sampled, .01, .99);
            Assert.InRange(cell.ValidationSampled, .01, .99);
            if (method is SftMethod) Assert.Equal(0, cell.Kl, 6);
            if (method.Steps(world.Regime) == 0) continue;
            Assert.Equal([0, 1, 2], cell.Curve.Select(p => p.Step));
            Assert.Equal((cell.ValidationGreedy, cell.ValidationSampled), (cell.Curve[^1].Greedy, cell.Curve[^1].Sampled));
            Policy before = Policy.Of(world.Expert);
            Assert.Equal(Right(world.Data.Validation, Draw(before, world.Data.Validation, "validation", 0)), cell.Curve[0].Greedy);
            Assert.Equal(Right(world.Data.Validation, Draw(before, world.Data.Validation, "validation", 1)), cell.Curve[0].Sampled);
        }

        SampledResponse[] Draw(Policy policy, IReadOnlyList<TaskPrompt> prompts, string use, float temperature) =>
            policy.Generate(Ids(prompts), Tokenizer.Tokens.Ends, Sampling(world, use, temperature));
    }

    [Fact]
    public void Facts_of_a_world_are_of_validation_prompts()
    {
        using Device device = Device.Cpu(1);
        using World world =
            Prepare(Small("lazyshift") with
            {
                Sizes = new PromptSplitSizes(Evaluation: 30, Validation: 60, Reinforcement: 40,
                Demonstrations: 160)
            }, device);
        WorldFacts facts = WorldFacts.Of(world);
        Assert.Equal(60, facts.Advice.Cases);
        Assert.Equal(NamedSeed.Of("planted", world.Seed), facts.Planted.Seed);
        Assert.Equal(60, facts.Planted.Responses + facts.Planted.Skipped);
        double right = Right(world.Data.Validation,
            world.Expert is var m
                ? Sampler.Generate(m, Ids(world.Data.Validation), Tokenizer.Tokens.Ends, Sampling(world, "validation", 0))
                : []);
        Assert.Equal(right, facts.Advice.Sft.Score, 12);

        // r̂ at a position is the mean over the responses that reach it, where 20 do.
        SampledResponse[] sampled = Sampler.Generate(world.Expert, Ids(world.Data.Validation), Tokenizer.Tokens.Ends,
            Sampling(world, "validation", 1));
        var batch = new ResponseBatch([.. sampled.Select((r, i) => new Example(Ids(world.Data.Validation)[i], r.Ids))]);
        Assert.Contains(Enumerable.Range(0, 8), t => sampled.Count(r => r.Ids.Length > t) is >= 20 and < 60);
        foreach (PositionRewards positions in facts.Positions)
        {
            float[] rHat = new DenseReward(world.Expert, world.Reference(positions.Reference)).Recover(batch).RHat;
            double[] means = [.. Enumerable.Range(0, 8)
                .Select(t => Enumerable.Range(0, 60).Where(b => sampled[b].Ids.Length > t).Select(b => (double)rHat[batch.Starts[b] + t])
                    .ToArray())
                .TakeWhile(values => values.Length >= 20).Select(values => values.Average())];
            Assert.Equal(means.Length, positions.Mean.Length);
            for (int t = 0; t < means.Length; t++) Assert.Equal(means[t], positions.Mean[t], 9);
        }
    }

    // The share of right answers that each regime's description tells, against its demonstrations; five standard deviations of n draws.
    [Theory]
    [InlineData("base-to-better", .40, .40, 0)]
    [InlineData("base-to-good", .60, .60, 0)]
    [InlineData("base-to-curated", .90, .90, 0)]
    [InlineData("noisy", .70, .70, .01)]
    [InlineData("shift", .40, .90, .01)]
    [InlineData("clean", 1, 1, 0)]
    [InlineData("lazyshift", .10, .45, .05)] // a copied palindrome or sorted word is right too
    public void Demonstrations_are_as_good_as_the_description_says(string name, double firstHalf, double secondHalf, double more)
    {
        Regime regime = Regimes.Named(name);
        WorldData data = WorldData.Of(regime, 1);
        IReadOnlyList<TaskPrompt> prompts = new PromptSplits(regime.TaskList, 1, regime.Sizes).Demonstrations;
        int n = data.Demonstrations.Count;
        double[] right = [.. Enumerable.Range(0, n)
            .Select(i => prompts[i].Accepts(data.Demonstrations[i].ResponseIds, Tokenizer) ? 1.0 : 0)];
        foreach ((double expected, double found) in new[] { (firstHalf, right.Take(n / 2).Average()),
            (secondHalf, right.Skip(n / 2).Average()) })
            Assert.InRange(found, expected - 5 * Math.Sqrt(expected * (1 - expected) / (n / 2.0)) - 1e-9, expected + more + .03 + 1e-9);
    }

    [Fact]
    public void A_tie_of_a_sweep_goes_to_the_smaller_setting()
    {
        MethodResult cell = new()
        {
            Regime = "r",
            Seed = 1,
            Method = "DPR",
            Reference = "base",
            Knob = "β",
            Value = 3,
            Sweep = true,
            ValidationGreedy = .5,
            ValidationSampled = .5
        };
        foreach (MethodResult[] cells in new MethodResult[][] { [cell, cell with { Value = 1 }], [cell with { Value = 1 }, cell] })
            Assert.Equal(1, Selection.Best(cells, "r", new DprMethod("base").AtBeta(1)));
    }

    [Fact]
    public void Without_shuffling_demonstrations_come_in_their_order()
    {
        using Device device = Device.Cpu(1);
        using World world = Prepare(Small("lazyshift"), device);
        Example[] lengths = [.. Enumerable.Range(1, 24).Select(i => Example.FromText("p", new string('a', i % 12 + 1), Tokenizer))];
        using Transformer policy = world.Expert.Clone(trainable: true);
        var options = new SftOptions { Steps = 6, BatchSize = 4, Shuffle = false, WarmupSteps = 0, KeepAt = [] };
        int[] tokens = [.. Sft.Train(policy, lengths, options).Select(s => s.Tokens)];
        Assert.Equal(lengths.Chunk(4).Select(batch => batch.Sum(e => e.ResponseIds.Length)), tokens);
    }

    [Fact]
    public void A_likelihood_is_its_own_responses_among_more_than_one_batch()
    {
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Small("lazyshift").Model, ParameterSource.Random(device, 1));
        Example[] examples = [.. Enumerable.Range(0, 140).Select(i => Example.FromText($"{i}", $"{i * 7}", Tokenizer))];
        double[] together = ResponseLikelihood.Of(model, examples);
        foreach (int i in new[] { 0, 1, 127, 128, 139 }) Assert.Equal(ResponseLikelihood.Of(model, [examples[i]])[0], together[i], 5);
    }

    // What each label means, with nothing taken from the method.
    private static IEnumerable<TrainingStep> Direct(string label, World world, Transformer policy)
    {
        bool hasBase = world.Regime.Name == "base-to-better";
        string main = hasBase ? "base" : "10%", early = hasBase ? "10%" : "5%";
        Transformer expert = world.Expert;
        IReadOnlyList<Example> data = world.Demonstrations;
        var dpr = new DprOptions
        {
            Updates = 2,
            PromptsPerUpdate = 16,
            LearningRate = 5e-4,
            WarmupUpdates = 4,
            MaxTokens = 8,
            Beta = 1,
            Seed = 3,
            Ends = Tokenizer.Tokens.Ends
        };
        var sft = new SftOptions
        {
            Steps = 300,
            BatchSize = 16,
            LearningRate = 4e-3,
            WarmupSteps = 2,
            FinalFraction = .5,
            Shuffle = world.Regime.Name != "lazyshift",
            Seed = 3,
            KeepAt = []
        };
        SftOptions continued = sft with { Steps = 2, Seed = 1_000_006 };
        string reference = label.Replace($", reference {main}", ", main", StringComparison.Ordinal);
        return reference switch
        {
            "continued SFT" => Sft.Train(policy, data, continued),
            "continued SFT, rate × = 0.3" => Sft.Train(policy, data, continued with { LearningRate = 4e-3 * .3 }),
            "continued SFT, last part" => Sft.Train(policy, [.. data.Skip(data.Count / 2)], continued),
            "inverse-Q, χ²" => Sft.Train(policy, data, sft with { Objective = new Objective(ObjectiveKind.InverseQChi2) }),
            "DFT" => Sft.Train(policy, data, sft with { Objective = new Objective(ObjectiveKind.Dft) }),
            "SPIN, rejected from SFT" => SpinOf(expert, .3),
            "SPIN, rejected from SFT, rate × = 0.1" => SpinOf(expert, .1),
            "SPIN, rejected from the reference, main" => SpinOf(world.Reference(main), .3),
            "SPIN, rejected from the reference, main, rate × = 0.1" => SpinOf(world.Reference(main), .1),
            "GSIL" => GsilOf(.3),
            "GSIL, rate × = 0.1" => GsilOf(.1),
            "DPR, main" => Of(dpr, null, main),
            "DPR, main, β = 0.3" => Of(dpr with { Beta = .3 }, null, main),
            "DPR, main, γ = 0.5" => Of(dpr with { Gamma = .5 }, null, main),
            "DPR, floor, main" => Of(dpr, new RewardOptions { Floor = .1 }, main),
            "DPR, floor, main, β = 0.3" => Of(dpr with { Beta = .3 }, new RewardOptions { Floor = .1 }, main),
            "DPR, centred, main" => Of(dpr, new RewardOptions { Centred = true }, main),
            "DPR, clipped at 1, main" => Of(dpr, new RewardOptions { Clip = 1 }, main),
            "DPR, γ = 0, main" => Of(dpr with { Gamma = 0 }, null, main),
            "DPR, dual KL, main" => Of(dpr with { Beta = .5, ReferenceBeta = .5 }, null, main),
            "DPR, reference 10%" => Of(dpr, null, "10%"),
            "DPR, reference 50%" => Of(dpr, null, "50%"),
            "sentence-level REINFORCE, main" => Of(dpr with { SentenceLevel = true }, null, main),
            "sentence-level REINFORCE, main, β = 0.3" => Of(dpr with { SentenceLevel = true, Beta = .3 }, null, main),
            "log π_SFT as reward" => Of(dpr, new RewardOptions { Kind = RewardKind.LogPolicy }, main),
            "DPR, mixed with the verifier, α = 0.5, main" => DensePathReinforce.Train(
                policy, new MixedReward(new DenseReward(expert, [world.Reference(main)]),
                    JudgedReward.Of(world.Data.Reinforcement, Tokenizer), .5), Ids(world.Data.Reinforcement), dpr),
            "RLOO, verifier as reward (oracle)" => Rloo.Train(
                policy, new JudgedReward(expert, JudgedReward.Of(world.Data.Reinforcement, Tokenizer)), Ids(world.Data.Reinforcement),
                new RlooOptions
                {
                    Updates = 2,
                    PromptsPerUpdate = 4,
                    SamplesPerPrompt = 4,
                    LearningRate = 5e-4,
                    WarmupUpdates = 4,
                    MaxTokens = 8,
                    Beta = 1,
                    Seed = 3,
                    Ends = Tokenizer.Tokens.Ends
                }),
            _ when label == $"DPR, ensemble, reference {main}+{early}+25%" => Of(dpr, null, main, early, "25%"),
            _ => throw new InvalidOperationException($"'{label}' is a method that this test does not know: write its direct call here."),
        };

        IEnumerable<TrainingStep> Of(DprOptions options, RewardOptions? reward, params string[] references) =>
            DensePathReinforce.Train(policy, new DenseReward(expert, [.. references.Select(world.Reference)], reward),
                Ids(world.Data.Reinforcement), options);

        IEnumerable<TrainingStep> SpinOf(Transformer opponent, double factor) => Spin.Train(
            policy, expert, opponent, data,
            new SpinOptions
            {
                Updates = 2,
                PairsPerUpdate = 8,
                LearningRate = 5e-4 * factor,
                WarmupUpdates = 4,
                MaxTokens = 8,
                Seed = 3,
                Ends = Tokenizer.Tokens.Ends
            });

        IEnumerable<TrainingStep> GsilOf(double factor) => Gsil.Train(
            policy, expert, expert, data,
            new GsilOptions
            {
                Updates = 2,
                PairsPerUpdate = 8,
                LearningRate = 5e-4 * factor,
                WarmupUpdates = 4,
                MaxTokens = 8,
                Seed = 3,
                Ends = Tokenizer.Tokens.Ends
            });
    }

    private static SamplingOptions Sampling(World world, string use, float temperature) =>
        new() { MaxTokens = 8, Seed = NamedSeed.Of(use, world.Seed), Temperature = temperature };

    private static double Right(IReadOnlyList<TaskPrompt> prompts, SampledResponse[] responses) =>
        prompts.Select((p, i) => p.Accepts(responses[i].Ids, Tokenizer) ? 1.0 : 0).Average();

    private static int[][] Ids(IReadOnlyList<TaskPrompt> prompts) => [.. prompts.Select(p => p.Encode(Tokenizer).Ids)];

    private static string Joined(IReadOnlyList<TaskPrompt> prompts) => string.Join('\n', prompts.Select(p => p.Text));

    private static string Text(IEnumerable<Example> examples) => string.Join('\n', examples.Select(e => $"{e.Prompt} {e.Response}"));

    private static string Weights(Transformer model) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(
        System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(model.Parameters.SelectMany(p => p.ToArray()).ToArray())));
}
