using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>Demonstrations that do not end teach a model that does not end, and that is said.</summary>
public sealed class OpenEndsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("[98, 257]", null)]
    [InlineData("[98, 99]", "as the last id")]
    [InlineData("[98, 258]", "closes with <pad>")]
    public void Demonstrations_without_an_end_token_are_counted_before_training(string completion, string? said)
    {
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Range(0, 8)
            .Select(i => $$"""{"prompt_ids": [256, {{97 + i}}], "completion_ids": {{completion}}}"""));
        CliResult sft = Cli.Done(["sft", "--data", folder["data.jsonl"], "--held-out", "0", "--steps", "1", "--hidden", "16", "--layers",
            "1", "--heads", "2",
            "--threads", "1", "--evaluate-every", "0", "--keep-at", "none", "--out", folder["run"]]);
        if (said is null) Assert.DoesNotContain("end token", sft.Error, StringComparison.Ordinal);
        else Assert.Matches($"Warning: 8 of 8 demonstrations do not end with an end token \\(<end>\\).*{said}", sft.Error);
    }
}
