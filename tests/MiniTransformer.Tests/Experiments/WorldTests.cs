using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

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

        // 6,000 draws with probability .10 and .45: five deviations are .02 and .03; a copied palindrome or sorted word is right too, in
        // some percent.
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
    public void A_kept_base_is_shared_by_regimes_that_would_make_the_same_and_by_no_others()
    {
        using Device device = Device.Cpu(1);
        string FolderOf(Regime regime, ulong seed = 1)
        {
            using var world = new World(regime, seed, device, "bases");
            return world.BaseFolder!;
        }

        Regime small = WithBase with { Sizes = new PromptSplitSizes(8, 8, 8, 8) };
        string own = FolderOf(small);
        Assert.Equal(own,
            FolderOf(small with
            {
                Name = "other",
                Demonstrators = [Demonstrator.Perfect],
                Sft = new SftOptions { Steps = 3 },
                Dpr = new DprOptions { Updates = 3 },
                Floor = .2
            }));
        string[] others =
        [
            FolderOf(small with { BaseDemonstrator = new() { Good = .3 } }), FolderOf(small with { Tasks = "upper" }),
            FolderOf(small with { Words = new Words(2, 3) }),
            FolderOf(small with { Sizes = new PromptSplitSizes(9, 8, 8, 8) }),
            FolderOf(small with { Model = small.Model with { NumLayers = 1 } }),
            FolderOf(small with { Pretraining = small.Pretraining with { Steps = 9 } }), FolderOf(small, seed: 2),
        ];
        Assert.Equal(8, others.Append(own).Distinct().Count());
    }

    [Fact]
    public void The_corpus_of_the_base_is_as_lazy_as_the_base_is_said_to_be()
    {
        Regime regime = Regimes.Named("base-to-curated").Reduced() with { Sizes = new PromptSplitSizes(8, 8, 8, 8) };
        Example[] corpus = WorldData.Of(regime, 1).Corpus();
        IReadOnlyList<TaskPrompt> prompts = new PromptSplits(regime.TaskList, 1, regime.Sizes).Corpus(corpus.Length);
        double right = Enumerable.Range(0, corpus.Length)
            .Average(i => prompts[i].Accepts(corpus[i].ResponseIds, new ByteTokenizer()) ? 1.0 : 0);
        Assert.Equal(150 * 64, corpus.Length);
        Assert.InRange(right, .18, .25); // 9,600 draws with probability .20; a copied palindrome is right too
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
            Assert.Equal(method.Label, done.Result.Label);
            Assert.True(done.Result.Failure is not null || double.IsFinite(done.Result.Sampled + done.Result.Kl), method.Label);
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
