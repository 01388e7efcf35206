using MiniTransformer.Backends;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Experiments;

public class WorldTests
{
    private static readonly Regime WithBase = Regimes.Named("base-to-better").Reduced(), Ordered = Regimes.Named("lazyshift").Reduced();

    [Fact]
    public void Demonstrations_that_improve_over_the_run_are_lazier_in_the_first_half()
    {
        using Device device = Device.Cpu(1);
        using var world = new World(Regimes.Named("lazyshift"), 1, device);
        int n = world.Demonstrations.Count;
        IReadOnlyList<TaskPrompt> prompts = new PromptSplits(world.Regime.TaskList, 1, world.Regime.Sizes).Demonstrations;
        double Right(int from, int to) => Enumerable.Range(from, to - from).Average(i =>
            prompts[i].Accepts(world.Demonstrations[i].ResponseIds, world.Tokenizer) ? 1.0 : 0);

        // 6,000 draws with probability .10 and .45: five deviations are .02 and .03; a copied palindrome or sorted word is right too, in some percent.
        Assert.InRange(Right(0, n / 2), .08, .16);
        Assert.InRange(Right(n / 2, n), .42, .52);
    }

    [Fact]
    public void A_kept_base_gives_the_same_world_as_a_trained_one()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        float[][] first = Expert(device, folder.Path), second = Expert(device, folder.Path), without = Expert(device, null);
        Assert.Single(Directory.GetDirectories(folder.Path));
        for (int i = 0; i < first.Length; i++)
        {
            Assert.Equal(first[i], second[i]);
            Assert.Equal(first[i], without[i]);
        }
    }

    [Fact]
    public void References_are_the_base_and_checkpoints_on_the_way_that_differ()
    {
        using Device device = Device.Cpu(1);
        using var world = new World(WithBase, 2, device);
        foreach (ExperimentEvent _ in world.Prepare())
        {
        }

        Assert.Equal(World.ReferencesOf(WithBase), world.References.Keys);
        float[][] weights = [.. world.References.Values.Append(world.Expert).Select(m => m.Parameters[0].ToArray())];
        for (int i = 1; i < weights.Length; i++) Assert.NotEqual(weights[i - 1], weights[i]);
        Assert.Contains("there are base", Assert.Throws<ArgumentException>(() => world.Reference("60%")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_method_runs_and_is_measured_in_a_world_without_base()
    {
        using Device device = Device.Cpu(1);
        using var world = new World(Ordered, 1, device);
        foreach (ExperimentEvent _ in world.Prepare())
        {
        }

        var experiment = new Experiment(world);
        foreach (Method method in Methods.Of(Ordered))
        {
            var done = Assert.IsType<MethodDone>(experiment.Run(method).Last());
            Assert.Equal(method.Label, done.Cell.Label);
            Assert.True(done.Cell.Failure is not null || double.IsFinite(done.Cell.Sampled + done.Cell.Kl), method.Label);
        }
    }

    private static float[][] Expert(Device device, string? bases)
    {
        using var world = new World(WithBase, 1, device, bases);
        foreach (ExperimentEvent _ in world.Prepare())
        {
        }

        return [.. world.Expert.Parameters.Select(p => p.ToArray())];
    }
}
