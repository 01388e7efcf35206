using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Experiments;

/// <summary>
/// A small world whose demonstrations improve over the run, prepared once: every method gets the budget, data and prompts that it says.
/// </summary>
public sealed class ExperimentTests(ExperimentTests.Prepared prepared) : IClassFixture<ExperimentTests.Prepared>
{
    private readonly World world = prepared.World;

    private int Sequences => world.Regime.Dpr.Updates * world.Regime.Dpr.PromptsPerUpdate;

    [Fact]
    public void Continued_SFT_has_as_many_sequences_as_DPR_draws()
    {
        Assert.Equal(Sequences / world.SftOptions.BatchSize, new ContinuedSftMethod().Steps(world.Regime));
        Assert.Equal(Sequences, new DprMethod(world.Regime.MainReference).Steps(world.Regime) * world.Regime.Dpr.PromptsPerUpdate);
    }

    [Fact]
    public void The_oracle_draws_as_many_responses_an_update_as_DPR()
    {
        var step = Assert.IsType<RlooStep>(Steps(new OracleMethod(), 1)[0]);
        Assert.Equal(world.Regime.Dpr.PromptsPerUpdate, step.Tokens / step.Length, 9);
        // and no longer ones, though this little training leaves many without an end
        Assert.InRange(step.Length, 1, world.Regime.Dpr.MaxTokens);
        Assert.InRange(step.Ended, 0, .9);
    }

    [Fact]
    public void The_opponent_of_SPIN_is_the_reference_that_it_names() =>
        Assert.NotEqual(Steps(new SpinMethod(), 2).Select(s => s.Tokens), Steps(new SpinMethod(world.Regime.MainReference), 2)
            .Select(s => s.Tokens));

    [Fact]
    public void A_rate_factor_scales_the_learning_rate()
    {
        foreach ((Method whole, Method part) in new (Method, Method)[]
        {
            (new SpinMethod(null, 1), new SpinMethod(null, .25)), (new GsilMethod(1), new GsilMethod(.25)),
            (new ContinuedSftMethod(1), new ContinuedSftMethod(.25)),
        }) Assert.Equal(.25 * Steps(whole, 1)[0].LearningRate, Steps(part, 1)[0].LearningRate, 12);
    }

    [Fact]
    public void Continued_SFT_on_the_last_part_sees_that_part_alone()
    {
        int n = world.Demonstrations.Count, batch = world.SftOptions.BatchSize;
        TrainingStep[] last = Steps(new ContinuedSftMethod(LastPart: true), 1), whole = Steps(new ContinuedSftMethod(), 1);
        Assert.Equal(world.Demonstrations.Skip(n / 2).Take(batch).Sum(e => e.ResponseIds.Length), last[0].Tokens); // in order
        Assert.Equal(world.Demonstrations.Take(batch).Sum(e => e.ResponseIds.Length), whole[0].Tokens);
        Assert.NotEqual(whole[0].Loss, last[0].Loss);
    }

    [Fact]
    public void Extrapolation_goes_as_far_as_its_α()
    {
        string main = world.Regime.MainReference;
        double Likelihood(Policy policy) => Evaluation.LogLikelihood(policy, [.. world.Demonstrations.Take(8)]).PerToken;
        double At(double alpha) => Likelihood(new ExtrapolationMethod(main, alpha, Varied: true).PolicyOf(world, world.Expert));
        foreach (double alpha in new[] { .25, 1, 2 })
        {
            Assert.Equal(Likelihood(new Extrapolation(world.Expert, world.Reference(main), (float)alpha)), At(alpha), 12);
        }
        Assert.NotEqual(At(1), At(.25), 3);
    }

    [Fact]
    public void Final_numbers_are_of_evaluation_prompts_and_choices_of_validation_prompts()
    {
        // Whatever ends is right: accuracies are neither 0 nor 1. 61 prompts are evaluated and 47 validated, so that a fraction tells which
        // it is of.
        var examples = Demonstrations.FromExamples(Enumerable.Range(0, 200)
            .Select(i => Example.FromText($"{i}: ", new string('a', 1 + i % 5), new ByteTokenizer())));
        Regime regime = Regimes.OfOwn(OwnData.Split("own", examples, new RegexJudge(""), 47 / 200.0, 61 / 200.0, 1), null);
        using World own = Prepare(regime with
        {
            Sft = regime.Sft with { Steps = 30 },
            Dpr = regime.Dpr with { Updates = 1, PromptsPerUpdate = 8 }
        }, prepared.Device);
        Assert.Equal((61, 47), (own.Data.Evaluation.Count, own.Data.Validation.Count));
        foreach (Method method in new Method[] { new SftMethod(), new DprMethod(own.Regime.MainReference) })
        {
            var done = Assert.IsType<MethodDone>(new Experiment(own).Run(method).Last());
            Assert.Equal(61, done.Evaluation!.Greedy.Right.Length);
            Assert.InRange(done.Result.ValidationSampled, .05, 1);
            Assert.InRange(done.Result.Sampled, .05, 1);
            Assert.Equal(Math.Round(47 * done.Result.ValidationSampled), 47 * done.Result.ValidationSampled, 9);
            Assert.Equal(Math.Round(61 * done.Result.Sampled), 61 * done.Result.Sampled, 9);
        }
    }

    private TrainingStep[] Steps(Method method, int count)
    {
        using Transformer policy = method.StartOf(world).Clone(trainable: true);
        return [.. method.Train(world, policy).Take(count)];
    }

    private static World Prepare(Regime regime, Device device)
    {
        var world = new World(regime, 1, device);
        foreach (ExperimentEvent _ in world.Prepare())
        {
        }

        return world;
    }

    /// <summary>The world.</summary>
    public sealed class Prepared : IDisposable
    {
        public Prepared() => World = Prepare(Regimes.Named("lazyshift").Reduced(), Device);

        internal Device Device { get; } = Device.Cpu(1);

        internal World World { get; }

        public void Dispose()
        {
            World.Dispose();
            Device.Dispose();
        }
    }
}
