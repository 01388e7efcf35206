using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class DensePathReinforceTests
{
    private static readonly int[][] Prompts = [.. Toy.Examples.Select(e => e.PromptIds)];

    private static readonly DprOptions Options = new()
    {
        Updates = 8,
        PromptsPerUpdate = 21,
        MaxTokens = 5,
        LearningRate = 3e-3,
        WarmupUpdates = 2,
        Ends = Toy.End,
    };

    [DeviceTheory, OnEveryDevice]
    public void The_reward_rises_under_training(string name)
    {
        using var run = new Run(name);
        DprStep[] steps = [.. DensePathReinforce.Train(run.Policy, run.Reward, Prompts,
            Options with { Updates = 30, PromptsPerUpdate = 42 })];
        Assert.Equal(0, steps[0].Kl, 1e-5); // it starts as a copy of the expert
        double before = steps[..5].Average(s => s.Reward), after = steps[^5..].Average(s => s.Reward);
        Assert.True(after > before + 0.5, $"{before} → {after}");
        Assert.True(steps[^1].Kl > 0);
        Assert.All(steps, s => Assert.InRange(s.Length, 1, 5));
    }

    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(5)]
    public void A_run_that_is_stopped_and_rebuilt_continues_to_the_last_bit(string name, int stopAfter)
    {
        using Run whole = new(name), stopped = new(name), later = new(Devices.Sibling(name));
        DprStep[] undisturbed = [.. DensePathReinforce.Train(whole.Policy, whole.Reward, Prompts, Options)];
        using var optimizer = new AdamW(stopped.Policy.Parameters, Options.Optimizer);
        Assert.Equal(stopAfter, DensePathReinforce.Train(stopped.Policy, stopped.Reward, Prompts, Options, optimizer).Take(stopAfter)
            .Count());

        (Transformer copy, AdamW continued) = Toy.Rebuild(later.Device, stopped.Policy, optimizer);
        DprStep[] rest = [.. DensePathReinforce.Train(copy, later.Reward, Prompts, Options, continued)];
        Assert.Equal(undisturbed[stopAfter..].Select(s => s with { Seconds = 0 }), rest.Select(s => s with { Seconds = 0 }));
        Toy.Identical(whole.Policy.Weights(), copy.Weights());
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_on_any_number_of_threads()
    {
        float[][] first = Train(Options, "CPU, 1 thread");
        Toy.Identical(first, Train(Options, "CPU, 1 thread"));
        Toy.Identical(first, Train(Options, "CPU, 3 threads"));
        Assert.NotEqual(first[0], Train(Options with { Seed = 2 }, "CPU, 1 thread")[0]);

        static float[][] Train(DprOptions options, string name)
        {
            using var run = new Run(name);
            Assert.Equal(options.Updates, DensePathReinforce.Train(run.Policy, run.Reward, Prompts, options).Count());
            return run.Policy.Weights();
        }
    }

    [Fact]
    public void Expert_and_reference_are_left_alone()
    {
        using var run = new Run("CPU, 1 thread");
        float[][] expert = run.Reward.Expert.Weights(), reference = run.Reward.References[0].Weights();
        Assert.Equal(3, DensePathReinforce.Train(run.Policy, run.Reward, Prompts, Options with { Updates = 3 }).Count());
        Toy.Identical(expert, run.Reward.Expert.Weights());
        Toy.Identical(reference, run.Reward.References[0].Weights());
        Assert.All(run.Reward.Expert.Parameters, p => Assert.All(p.GradientToArray(), g => Assert.Equal(0f, g)));
        Assert.NotEqual(expert[0], run.Policy.Weights()[0]);
    }

    [Fact]
    public void A_policy_that_left_the_expert_is_stopped_before_the_update()
    {
        using var run = new Run("CPU, 1 thread");
        foreach (Parameter p in run.Policy.Parameters) p.Set([.. p.ToArray().Select(w => 3 * w)]);
        float[][] before = run.Policy.Weights();
        string message = Assert.Throws<PolicyCollapseException>(
            () => DensePathReinforce.Train(run.Policy, run.Reward, Prompts, Options with { CollapseKl = 0.05 }).Count()).Message;
        Assert.StartsWith("DPR stopped before update 1: the policy is", message, StringComparison.Ordinal);
        Toy.Identical(before, run.Policy.Weights());
        // the divergence is that of all responses, not of the first
        DprOptions pieces = Options with { CollapseKl = 0.05, MicroBatchSize = 1 };
        Assert.Equal(message, Assert.Throws<PolicyCollapseException>(
            () => DensePathReinforce.Train(run.Policy, run.Reward, Prompts, pieces).Count()).Message);
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new DprOptions { Temperature = 0 }.Validate());
        Assert.Throws<ArgumentException>(() => new DprOptions { Gamma = 1.1 }.Validate());
        Assert.Throws<ArgumentException>(() => new DprOptions { Beta = -1 }.Validate());
        Assert.Throws<ArgumentException>(() => new DprOptions { LearningRate = double.NaN }.Validate());
        using var run = new Run("CPU, 1 thread");
        Assert.Throws<ArgumentException>(() => DensePathReinforce.Train(run.Policy, run.Reward, [], Options).Count());
    }

    // An expert after some steps of SFT, its start as reference, and a trainable copy of the expert.
    private sealed class Run : IDisposable
    {
        public Run(string name)
        {
            Device = Devices.Open(name);
            Policy = Toy.Model(Device);
            Transformer reference = Policy.Clone();
            var options = new SftOptions { Steps = 25, BatchSize = 21, LearningRate = 3e-3 };
            Assert.Equal(25, Sft.Train(Policy, Toy.Examples, options).Count());
            Reward = new DenseReward(Policy.Clone(), reference);
        }

        public Device Device { get; }

        public Transformer Policy { get; }

        public DenseReward Reward { get; }

        public void Dispose() => Device.Dispose();
    }
}
