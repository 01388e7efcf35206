using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>SPIN and GSIL: the pairs, their losses, and the gradient of each against central differences in double.</summary>
public class PairTests
{
    private const int N = 8;

    public static TheoryData<DensityRatioLoss> Losses { get; } = [.. Enum.GetValues<DensityRatioLoss>()];

    [DeviceTheory]
    [OnEveryDevice(0.1)]
    [OnEveryDevice(1.5)]
    public void An_update_of_SPIN_follows_the_gradient_of_its_loss(string name, double lambda)
    {
        using var world = new TinyWorld(name);
        (Example[] demonstrations, int[][] chosen, int[][] answers) = Draw(world);
        var options = new SpinOptions
        {
            Updates = 1,
            WarmupUpdates = 0,
            PairsPerUpdate = N,
            MaxTokens = TinyWorld.Horizon,
            Ends = TinyWorld.End,
            Lambda = lambda,
            Seed = 3
        };
        (double[] gradient, SpinStep step) = world.FirstUpdate((policy, optimizer) =>
            Spin.Train(policy, world.Expert, world.Reference, demonstrations, options, optimizer).Single());

        double Loss() => Enumerable.Range(0, N)
            .Average(i => Math.Log(1 + Math.Exp(-lambda * (LogRatio(world, chosen[i]) - LogRatio(world, answers[i])))));
        Assert.True(TinyWorld.Distance(world.Gradient(Loss), gradient) < 1e-4, $"{TinyWorld.Distance(world.Gradient(Loss), gradient)}");
        Assert.Equal(Loss(), step.Loss, 1e-5);
        Reports(world, chosen, answers, step);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void An_update_of_GSIL_follows_the_gradient_of_its_loss(DensityRatioLoss ratio)
    {
        using var world = new TinyWorld(Devices.Names[0]);
        (Example[] demonstrations, int[][] chosen, int[][] answers) = Draw(world);
        const double lambda = 0.6, shift = 0.25;
        var options = new GsilOptions
        {
            Updates = 1,
            WarmupUpdates = 0,
            PairsPerUpdate = N,
            MaxTokens = TinyWorld.Horizon,
            Ends = TinyWorld.End,
            Ratio = ratio,
            Lambda = lambda,
            Shift = shift,
            Seed = 3,
        };
        (double[] gradient, GsilStep step) = world.FirstUpdate((policy, optimizer) =>
            Gsil.Train(policy, world.Expert, world.Reference, demonstrations, options, optimizer).Single());

        double Loss() => Enumerable.Range(0, N)
            .Average(i => Formula(ratio, lambda * LogRatio(world, chosen[i]) + shift).Plus
                + Formula(ratio, lambda * LogRatio(world, answers[i]) + shift).Minus);
        Assert.True(TinyWorld.Distance(world.Gradient(Loss), gradient) < 1e-4, $"{TinyWorld.Distance(world.Gradient(Loss), gradient)}");
        Assert.Equal(Loss(), step.Loss, 1e-5);
        Reports(world, chosen, answers, step);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_density_ratio_loss_is_smallest_where_f_is_the_log_of_the_ratio(DensityRatioLoss ratio)
    {
        // p ℓ₊(f) + q ℓ₋(f) for densities p = 0.6 and q = 0.2: f* = log 3. The hinge only knows the sign: it is flat from −1 … 1 to its
        // best at 1.
        const double p = 0.6, q = 0.2;
        double best = ratio == DensityRatioLoss.Hinge ? 1 : Math.Log(p / q);
        double Slope(double f) => p * ratio.Demonstration(f).Slope + q * ratio.Answer(f).Slope;
        Assert.True(Slope(best - 0.1) < -1e-3);
        Assert.True(Slope(best + 0.1) > 1e-3);
        if (ratio != DensityRatioLoss.Hinge) Assert.Equal(0, Slope(best), 1e-12);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Losses_and_slopes_are_those_of_their_formulas(DensityRatioLoss ratio)
    {
        foreach (double f in (double[])[-2.3, -0.4, 0, 0.7, 1.9])
        {
            const double h = 1e-5;
            (double plus, double minus) = Formula(ratio, f);
            Assert.Equal(plus, ratio.Demonstration(f).Loss, 1e-12);
            Assert.Equal(minus, ratio.Answer(f).Loss, 1e-12);
            Assert.Equal((Formula(ratio, f + h).Plus - Formula(ratio, f - h).Plus) / (2 * h), ratio.Demonstration(f).Slope, 1e-6);
            Assert.Equal((Formula(ratio, f + h).Minus - Formula(ratio, f - h).Minus) / (2 * h), ratio.Answer(f).Slope, 1e-6);
        }
    }

    [Fact]
    public void The_logistic_loss_does_not_overflow()
    {
        Assert.Equal(Math.Log(2), Logistic.Loss(0), 1e-15);
        Assert.Equal(-0.5, Logistic.Slope(0), 1e-15);
        Assert.Equal((1000.0, -1.0), (Logistic.Loss(-1000), Logistic.Slope(-1000)));
        Assert.Equal((0.0, 0.0), (Logistic.Loss(1000), Logistic.Slope(1000)));
    }

    [DeviceTheory, OnEveryDevice]
    public void From_the_previous_policy_the_loss_begins_at_a_coins_and_falls(string name)
    {
        using Device device = Devices.Open(name);
        (Transformer policy, Transformer expert, Transformer start) = Toy.Tuned(device);
        SpinStep[] spin = [.. Spin.Train(policy, expert, start, Toy.Examples, Spins with { Updates = 30 })];
        policy.CopyFrom(expert);
        GsilStep[] gsil = [.. Gsil.Train(policy, expert, start, Toy.Examples, Gsils with { Updates = 30 })];
        double rounding = Devices.IsCpu(name) ? 1e-9 : 1e-4; // drawn with the cache, scored without
        Assert.Equal(Math.Log(2), spin[0].Loss, rounding);
        Assert.Equal(2 * Math.Log(2), gsil[0].Loss, rounding);
        foreach (PairStep[] steps in (PairStep[][])[spin, gsil])
        {
            Assert.Equal(0.5, steps[0].Ranked);
            Assert.Equal(0, steps[0].DemonstrationLogRatio, rounding);
            Assert.True(steps[^5..].Average(s => s.Loss) < 0.8 * steps[0].Loss);
            Assert.True(steps[^5..].Average(s => s.DemonstrationLogRatio) > 0.1);
            Assert.True(steps[^5..].Average(s => s.AnswerLogRatio) < -0.5);
            Assert.True(steps[^5..].Average(s => s.Ranked) > 0.9);
        }
    }

    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(5)]
    public void A_run_that_is_stopped_and_rebuilt_continues_to_the_last_bit(string name, int stopAfter)
    {
        Toy.ContinuesToTheLastBit(name, stopAfter, (models, optimizer) =>
            Spin.Train(models.Policy, models.Expert, models.Base, Toy.Examples, Spins, optimizer));
        Toy.ContinuesToTheLastBit(name, stopAfter, (models, optimizer) =>
            Gsil.Train(models.Policy, models.Expert, models.Base, Toy.Examples, Gsils, optimizer));
    }

    [Fact]
    public void An_epochs_pairs_hold_every_demonstration_once_beside_new_answers_to_its_prompt()
    {
        using Device device = Device.Cpu(1);
        using Transformer opponent = Toy.Model(device);
        var order = new BatchOrder(Toy.Examples.Length, seed: 2);
        ResponseBatch[] batches = [.. Enumerable.Range(0, 4)
            .Select(u => Pairs.Draw(opponent, Toy.Examples, order, u, 21, new SpinOptions { MaxTokens = 6, Seed = 2 }, Toy.End).Single())];
        foreach (ResponseBatch batch in batches)
        {
            Assert.Equal(42, batch.B);
            Assert.Equal(batch.Examples.Take(21).Select(e => e.PromptIds), batch.Examples.Skip(21).Select(e => e.PromptIds));
        }

        Assert.Equal(Toy.Examples.ToHashSet(), batches[..2].SelectMany(b => b.Examples.Take(21)).ToHashSet());
        Assert.NotEqual(
            batches[..2].SelectMany(b => b.Examples.Skip(21)).OrderBy(e => string.Join(',', e.PromptIds))
                .Select(e => string.Join(',', e.ResponseIds)),
            batches[2..].SelectMany(b => b.Examples.Skip(21)).OrderBy(e => string.Join(',', e.PromptIds))
                .Select(e => string.Join(',', e.ResponseIds)));
    }

    [Theory]
    [InlineData(0, 42)]
    [InlineData(7, 6)]
    [InlineData(1, 2)]
    public void A_piece_of_pairs_has_no_more_sequences_than_are_to_be_together_but_one_pair(int together, int sequences)
    {
        using Device device = Device.Cpu(1);
        using Transformer opponent = Toy.Model(device);
        var options = new SpinOptions { MaxTokens = 6, MicroBatchSize = together };
        ResponseBatch[] pieces = Pairs.Draw(opponent, Toy.Examples, new BatchOrder(Toy.Examples.Length, seed: 2), 0, 21, options, Toy.End);
        Assert.Equal(42, pieces.Sum(piece => piece.B));
        Assert.All(pieces, piece => Assert.Equal(sequences, piece.B));
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new SpinOptions { Lambda = 0 }.Validate());
        Assert.Throws<ArgumentException>(() => new GsilOptions { Lambda = double.NaN }.Validate());
        Assert.Throws<ArgumentException>(() => new GsilOptions { Shift = double.PositiveInfinity }.Validate());
        Assert.Throws<ArgumentException>(() => new GsilOptions { Ratio = (DensityRatioLoss)17 }.Validate());
        Assert.Throws<ArgumentOutOfRangeException>(() => new SpinOptions { PairsPerUpdate = 0 }.Validate());
        using var world = new TinyWorld(Devices.Names[0]);
        Assert.Throws<ArgumentException>(() => Spin.Train(world.Policy, world.Expert, world.Expert, [], new()).Count());
        Assert.Throws<ArgumentException>(() => Gsil.Train(world.Policy, world.Expert, world.Expert, [], new()).Count());
    }

    private static readonly SpinOptions Spins = new()
    {
        Updates = 8,
        PairsPerUpdate = 21,
        MaxTokens = 5,
        LearningRate = 3e-3,
        WarmupUpdates = 2,
        Lambda = 1,
        Ends = Toy.End,
    };

    private static readonly GsilOptions Gsils = new()
    {
        Updates = 8,
        PairsPerUpdate = 21,
        MaxTokens = 5,
        LearningRate = 3e-3,
        WarmupUpdates = 2,
        Lambda = 1,
        Ends = Toy.End,
    };

    // The formulas as they stand: ℓ₊(f) and ℓ₋(f).
    private static (double Plus, double Minus) Formula(DensityRatioLoss ratio, double f)
    {
        double sigma = 1 / (1 + Math.Exp(-f));
        return ratio switch
        {
            DensityRatioLoss.Logistic => (-Math.Log(sigma), -Math.Log(1 - sigma)),
            DensityRatioLoss.Brier => (Math.Pow(1 - sigma, 2), Math.Pow(sigma, 2)),
            DensityRatioLoss.Hinge => (Math.Max(0, 1 - f), Math.Max(0, 1 + f)),
            DensityRatioLoss.Kliep => (-f, Math.Exp(f)),
            _ => (-Math.Exp(f), Math.Pow(Math.Exp(f), 2) / 2),
        };
    }

    // log π_θ(y|x) − log π_t(y|x), π_t the world's expert.
    private static double LogRatio(TinyWorld world, int[] y) =>
        TinyWorld.LogProbs(world.PolicyInDouble, y).Sum() - TinyWorld.LogProbs(world.ExpertInDouble, y).Sum();

    // Demonstrations, those of the first update in its order, and what the opponent, the world's reference, answers beside them.
    private static (Example[] Demonstrations, int[][] Chosen, int[][] Answers) Draw(TinyWorld world)
    {
        Example[] demonstrations = [.. world.Responses.Take(N).Select(y => new Example(TinyWorld.Prompt, y))];
        int[][] chosen = [.. new BatchOrder(N, seed: 3).IndicesOf(0, N).Select(i => demonstrations[i].ResponseIds)];
        int[][] prompts = [.. Enumerable.Repeat(TinyWorld.Prompt, N)];
        int[][] answers = [.. Sampler.Generate(world.Reference, prompts, TinyWorld.End,
            new SamplingOptions { MaxTokens = TinyWorld.Horizon, Seed = 3 }).Select(r => r.Ids)];
        Assert.NotEqual(chosen, answers);
        return (demonstrations, chosen, answers);
    }

    private static void Reports(TinyWorld world, int[][] chosen, int[][] answers, PairStep step)
    {
        double[] y = [.. chosen.Select(r => LogRatio(world, r))], other = [.. answers.Select(r => LogRatio(world, r))];
        Assert.Equal(y.Average(), step.DemonstrationLogRatio, 1e-5);
        Assert.Equal(other.Average(), step.AnswerLogRatio, 1e-5);
        // a tie in double may round to either side
        Assert.Equal(y.Zip(other, (a, b) => a > b ? 1.0 : a < b ? 0 : .5).Average(), step.Ranked, 0.07);
        Assert.Equal(chosen.Sum(r => r.Length) + answers.Sum(r => r.Length), step.Tokens);
    }
}
