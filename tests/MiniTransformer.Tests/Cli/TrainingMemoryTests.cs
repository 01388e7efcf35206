using MiniTransformer.Cli.Runs;
using MiniTransformer.Data;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

/// <summary>Memory is told by the worst that chance may do.</summary>
public class TrainingMemoryTests
{
    [Fact]
    public void In_pieces_the_longest_prompt_stands_for_each()
    {
        Prompt[] prompts = [.. new[] { 2, 9, 3, 4 }.Select(length => new Prompt(new int[length], ""))];
        Assert.Equal([9, 4, 3], Lengths(new DprOptions { PromptsPerUpdate = 3 }));
        Assert.Equal([9, 4, 3], Lengths(new DprOptions { PromptsPerUpdate = 3, MicroBatchSize = 3 }));
        Assert.Equal([9, 9, 9], Lengths(new DprOptions { PromptsPerUpdate = 3, MicroBatchSize = 2 }));

        int[] Lengths(DprOptions options) => [.. TrainingMemory.Longest(prompts, options).Select(ids => ids.Length)];
    }
}
