using MiniTransformer.Data.Tasks;

namespace MiniTransformer.Tests.Data.Tasks;

public class PromptSplitsTests
{
    private static readonly IReadOnlyList<ITask> Four = BuiltIn.Parse("reverse,next,upper,swap");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void No_prompt_is_in_two_parts_nor_in_the_corpus(ulong seed)
    {
        PromptSplits splits = new(Four, seed);
        string[][] parts = new[] { splits.Evaluation, splits.Validation, splits.Reinforcement, splits.Demonstrations }.Select(Texts)
            .ToArray();
        Assert.Equal([500, 400, 3000, 3000], parts.Select(p => p.Length));
        HashSet<string> all = [.. parts.SelectMany(p => p)];
        Assert.Equal(6900, all.Count);
        string[] corpus = Texts(splits.Corpus(20_000));
        Assert.Equal(20_000, corpus.Length);
        Assert.DoesNotContain(corpus, all.Contains);
    }

    [Fact]
    public void The_corpus_avoids_the_parts_even_where_they_take_most_prompts()
    {
        // 81 words of 4 letters out of 3: the parts take 60, so that nearly every draw for the corpus hits a used one.
        PromptSplits splits = new(BuiltIn.Parse("sort", new Words(4, 4, "abc")), 1, new(15, 15, 15, 15));
        HashSet<string> used = [.. Texts(splits.Evaluation), .. Texts(splits.Validation), .. Texts(splits.Reinforcement),
            .. Texts(splits.Demonstrations)];
        Assert.Equal(60, used.Count);
        Assert.Equal(21, Texts(splits.Corpus(1000)).Distinct().Count());
        Assert.DoesNotContain(Texts(splits.Corpus(1000)), used.Contains);
    }

    [Fact]
    public void Tasks_have_equal_shares_of_every_part()
    {
        PromptSplits splits = new(Four, 1);
        Assert.All(splits.Validation.GroupBy(p => p.Task), g => Assert.Equal(100, g.Count()));
        Assert.All(splits.Corpus(400).GroupBy(p => p.Task), g => Assert.Equal(100, g.Count()));
    }

    [Fact]
    public void The_same_seed_draws_the_same_parts_and_later_sizes_do_not_change_earlier_parts()
    {
        PromptSplits splits = new(Four, 1), again = new(Four, 1), fewer = new(Four, 1, new(Demonstrations: 10)), other = new(Four, 2);
        Assert.Equal(Texts(splits.Demonstrations), Texts(again.Demonstrations));
        Assert.Equal(Texts(splits.Corpus(100)), Texts(again.Corpus(200)).Take(100));
        Assert.Equal(Texts(splits.Evaluation), Texts(fewer.Evaluation));
        Assert.Equal(Texts(splits.Reinforcement), Texts(fewer.Reinforcement));
        Assert.NotEqual(Texts(splits.Evaluation), Texts(other.Evaluation));
    }

    [Fact]
    public void Asking_for_more_prompts_than_a_task_has_is_refused_with_the_way_out()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() =>
            new PromptSplits(BuiltIn.Parse("sort", new Words(1, 2, "ab")), 1, new(4, 3, 0, 0)));
        Assert.Contains("Task sort", e.Message);
        Assert.Contains("fewer prompts", e.Message);
    }

    [Fact]
    public void Every_built_in_task_alone_has_prompts_enough_for_the_default_parts()
    {
        foreach (ITask task in BuiltIn.All) Assert.Equal(1000, new PromptSplits([task], 1).Corpus(1000).Count);
    }

    private static string[] Texts(IReadOnlyList<TaskPrompt> prompts) => prompts.Select(p => p.Text).ToArray();
}
