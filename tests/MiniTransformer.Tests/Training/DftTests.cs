using MiniTransformer.Data;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class DftTests
{
    [DeviceTheory, OnEveryDevice]
    public void An_update_of_DFT_raises_the_sum_of_the_tokens_probabilities(string name)
    {
        using var world = new TinyWorld(name);
        Example[] demonstrations = [.. world.Responses.Take(6).Select(y => new Example(TinyWorld.Prompt, y))];
        double n = demonstrations.Sum(e => e.ResponseIds.Length);
        double[] LogProbs() => [.. demonstrations.SelectMany(e => TinyWorld.LogProbs(world.PolicyInDouble, e.ResponseIds))];
        (double[] gradient, SftStep step) = Update(new Objective(ObjectiveKind.Dft));

        // sg(π) ∇ log π = ∇π
        double[] expected = world.Gradient(() => -LogProbs().Sum(Math.Exp) / n);
        Assert.True(TinyWorld.Distance(expected, gradient) < 1e-4, $"{TinyWorld.Distance(expected, gradient)}");
        Assert.Equal(-LogProbs().Sum(l => Math.Exp(l) * l) / n, step.Loss, 1e-5);

        // Negative control: it is not SFT, nor the gradient of its own value with the weight not held constant.
        Assert.True(TinyWorld.Distance(expected, Update(new Objective()).Gradient) > 0.01);
        Assert.True(TinyWorld.Distance(expected, world.Gradient(() => -LogProbs().Sum(l => Math.Exp(l) * l) / n)) > 0.01);

        (double[] Gradient, SftStep Step) Update(Objective objective) => world.FirstUpdate((policy, optimizer) => Sft.Train(
            policy, demonstrations, new SftOptions { Steps = 1, BatchSize = 6, Objective = objective }, optimizer).Single());
    }
}
