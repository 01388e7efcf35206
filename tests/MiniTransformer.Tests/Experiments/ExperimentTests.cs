using MiniTransformer.Backends;
using MiniTransformer.Experiments;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Experiments;

/// <summary>A small world whose demonstrations improve over the run, prepared once: every method gets the budget, data and prompts that it says.</summary>
public sealed class ExperimentTests(ExperimentTests.Prepared prepared) : IClassFixture<ExperimentTests.Prepared>
{
    private readonly World world = prepared.World;

    private int Sequences => world.Regime.Dpr.Updates * world.Regime.Dpr.PromptsPerUpdate;

    [Fact]
    public void Continued_SFT_has_as_many_sequences_as_DPR_draws()
    {
        Assert.Equal(Sequences / world.SftOptions.BatchSize, new ContinuedSftMethod().Steps(world));
        Assert.Equal(Sequences, new DprMethod(world.Regime.MainReference).Steps(world) * world.Regime.Dpr.PromptsPerUpdate);
    }

    [Fact]
    public void The_oracle_draws_as_many_responses_an_update_as_DPR()
    {
        var step = Assert.IsType<RlooStep>(Steps(new OracleMethod(), 1)[0]);
        Assert.Equal(world.Regime.Dpr.PromptsPerUpdate, step.Tokens / step.Length, 9);
    }

    [Fact]
    public void The_opponent_of_SPIN_is_the_reference_that_it_names() =>
        Assert.NotEqual(Steps(new SpinMethod(), 2).Select(s => s.Tokens), Steps(new SpinMethod(world.Regime.MainReference), 2).Select(s => s.Tokens));

    [Fact]
    public void A_rate_factor_scales_the_learning_rate()
    {
        foreach ((Method whole, Method part) in new (Method, Method)[]
        {
            (new SpinMethod(null, 1), new SpinMethod(null, .25)), (new GsilMethod(1), new GsilMethod(.25)), (new ContinuedSftMethod(1), new ContinuedSftMethod(.25)),
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
    public void Final_numbers_are_of_evaluation_prompts_and_choices_of_validation_prompts()
    {
        var done = Assert.IsType<MethodDone>(new Experiment(world).Run(new DprMethod(world.Regime.MainReference)).Last());
        Assert.Equal(world.Data.Evaluation.Count, done.Evaluation!.Greedy.Right.Length);
        Assert.NotEqual(world.Data.Evaluation.Count, world.Data.Validation.Count);
        foreach (double accuracy in new[] { done.Cell.ValidationGreedy, done.Cell.ValidationSampled }) AssertFractionOf(world.Data.Validation.Count, accuracy);
        foreach (double accuracy in new[] { done.Cell.Greedy, done.Cell.Sampled }) AssertFractionOf(world.Data.Evaluation.Count, accuracy);

        var sft = Assert.IsType<MethodDone>(new Experiment(world).Run(new SftMethod()).Last());
        var sampling = new SamplingOptions { MaxTokens = world.Regime.Dpr.MaxTokens, Seed = world.SeedOf("validation") };
        Assert.Equal(Evaluation.Accuracy(world.Expert, world.Data.Validation, world.Tokenizer, sampling).Total, sft.Cell.ValidationSampled);
        Assert.Equal(Evaluation.Accuracy(world.Expert, world.Data.Validation, world.Tokenizer, sampling with { Temperature = 0 }).Total, sft.Cell.ValidationGreedy);
    }

    private static void AssertFractionOf(int prompts, double accuracy) => Assert.Equal(Math.Round(accuracy * prompts), accuracy * prompts, 9);

    private TrainingStep[] Steps(Method method, int count)
    {
        using Transformer policy = method.StartOf(world).Clone(trainable: true);
        return [.. method.Train(world, policy).Take(count)];
    }

    /// <summary>The world: 61 evaluation and 47 validation prompts, so that an accuracy tells which of them it is of.</summary>
    public sealed class Prepared : IDisposable
    {
        private readonly Device device = Device.Cpu(1);

        public Prepared()
        {
            Regime regime = Regimes.Named("lazyshift").Reduced();
            World = new World(regime with { Sizes = regime.Sizes with { Evaluation = 61, Validation = 47 } }, 1, device);
            foreach (ExperimentEvent _ in World.Prepare())
            {
            }
        }

        internal World World { get; }

        public void Dispose()
        {
            World.Dispose();
            device.Dispose();
        }
    }
}
