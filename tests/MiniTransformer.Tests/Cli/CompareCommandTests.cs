using MiniTransformer.Cli;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class CompareCommandTests
{
    private static readonly string[] Small = ["compare", "--smoke", "--regimes", "base-to-better", "--seeds", "1", "--sweep-seeds", "1", "--threads", "2"];

    [Fact]
    public void A_comparison_killed_twice_ends_with_the_same_results_after_resuming()
    {
        using var folder = new TemporaryFolder();
        CliResult whole = Cli.Done([.. Small, "--out", folder["whole"]]);
        Assert.Contains("its numbers say nothing", File.ReadAllText(Path.Combine(folder["whole"], "report.html")), StringComparison.Ordinal);
        Assert.Contains("| SFT ", whole.Out, StringComparison.Ordinal);

        string killed = folder["killed"], sweep = Path.Combine(killed, "worlds", "base-to-better-seed-101.json"), seed = Path.Combine(killed, "worlds", "base-to-better-seed-1.json");
        KilledProcess.Run([.. Small, "--out", killed], () => Cells(sweep) >= 5);
        int saved = Cells(sweep);
        KilledProcess.Run(["compare", "--out", killed, "--resume"], () => Cells(seed) >= 3);
        Assert.True(Cells(sweep) > saved, "the second start did not go on with the first one's cells");
        Cli.Done("compare", "--out", killed, "--resume");
        foreach (string file in new[] { "results.jsonl", "results.md" })
            Assert.Equal(File.ReadAllText(Path.Combine(folder["whole"], file)), File.ReadAllText(Path.Combine(killed, file)));
    }

    [Theory]
    [InlineData("'nosy' is none of", "--regimes", "nosy")]
    [InlineData("at most 100", "--seeds", "101")]
    public void A_wrong_flag_is_refused_before_anything_is_written(string what, string flag, string value)
    {
        using var folder = new TemporaryFolder();
        CliResult refused = Cli.Run("compare", flag, value, "--out", folder["run"]);
        Assert.Equal(CommandLine.BadUsage, refused.Code);
        Assert.Contains(what, refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["run"]));
    }

    private static int Cells(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Split("\"regime\"").Length - 1 : 0;
        }
        catch (IOException)
        {
            return 0; // being renamed
        }
    }
}
