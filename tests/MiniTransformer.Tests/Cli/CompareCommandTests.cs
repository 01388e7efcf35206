using System.Globalization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class CompareCommandTests
{
    private static readonly string[] Small = ["compare", "--smoke", "--regimes", "base-to-better", "--seeds", "1", "--sweep-seeds", "1",
        "--threads", "2"];

    [Fact]
    public void A_comparison_killed_twice_ends_with_the_same_results_after_resuming()
    {
        using var folder = new TemporaryFolder();
        CliResult whole = Cli.Done([.. Small, "--out", folder["whole"]]);
        Assert.Contains("its numbers say nothing", File.ReadAllText(Path.Combine(folder["whole"], "report.html")),
            StringComparison.Ordinal);
        Assert.Contains("| SFT ", whole.Out, StringComparison.Ordinal);

        string killed = folder["killed"], sweep = Path.Combine(killed, "worlds", "base-to-better-seed-101.json"),
            seed = Path.Combine(killed, "worlds", "base-to-better-seed-1.json");
        KilledProcess.Run([.. Small, "--out", killed], () => Cells(sweep) >= 5);
        int saved = Cells(sweep);
        Assert.True(Seconds(killed) > 0, "a killed start's time is lost");
        CliResult partly = Cli.Done("compare", "--out", killed, "--report-only");
        Assert.Contains("not finished", partly.Out, StringComparison.Ordinal);
        Assert.Contains("base-to-better (0 of 1 seed, 0 of 1 of the sweeps)", partly.Out, StringComparison.Ordinal);
        Assert.Equal(saved, File.ReadAllLines(Path.Combine(killed, "results.jsonl")).Length);
        double first = Seconds(killed);
        KilledProcess.Run(["compare", "--out", killed, "--resume"], () => Cells(seed) >= 3);
        Assert.True(Cells(sweep) > saved, "the second start did not go on with the first one's cells");
        Assert.True(Seconds(killed) > first, "the second start's time is lost");
        Cli.Done("compare", "--out", killed, "--resume");
        AssertSame(folder["whole"], killed);

        // The same tables can be made again, also while a process holds the folder.
        File.Delete(Path.Combine(killed, "results.md"));
        using (RunDirectory.Open(killed)) Assert.DoesNotContain("not finished", Cli.Done("compare", "--out", killed, "--report-only").Out,
            StringComparison.Ordinal);
        AssertSame(folder["whole"], killed);

        // A damaged world costs its cells: they are computed again, to the same numbers.
        byte[] damaged = File.ReadAllBytes(seed);
        damaged[damaged.Length / 2] ^= 1;
        File.WriteAllBytes(seed, damaged);
        CliResult repaired = Cli.Done("compare", "--out", killed, "--resume");
        Assert.Contains("warning: '", repaired.Error, StringComparison.Ordinal);
        Assert.Contains("is computed again", repaired.Error, StringComparison.Ordinal);
        AssertSame(folder["whole"], killed);

        // Cells whose run.json is lost count for the comparison that they belong to, and no other one takes them for its own.
        File.Delete(Path.Combine(killed, "run.json"));
        CliResult other = Cli.Run([.. Small.Where(flag => flag != "--smoke"), "--out", killed, "--resume"]);
        Assert.Equal(ExitCode.BadUsage, other.Code);
        Assert.Contains("belongs to base-to-better", other.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(killed, "run.json")));
        Cli.Done([.. Small, "--out", killed, "--resume"]);
        AssertSame(folder["whole"], killed);
    }

    [Theory]
    [InlineData("'nosy' is none of", "--regimes", "nosy")]
    [InlineData("at most 100", "--seeds", "101")]
    public void A_wrong_flag_is_refused_before_anything_is_written(string what, string flag, string value)
    {
        using var folder = new TemporaryFolder();
        CliResult refused = Cli.Run("compare", flag, value, "--out", folder["run"]);
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains(what, refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void A_report_alone_needs_a_comparison_in_the_folder_and_begins_none()
    {
        using var folder = new TemporaryFolder();
        CliResult refused = Cli.Run("compare", "--out", folder["none"], "--report-only");
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains("there is no comparison in", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["none"]));
        Assert.Contains("--resume and --report-only do not go together",
            Cli.Run("compare", "--out", folder["none"], "--report-only", "--resume").Error, StringComparison.Ordinal);
    }

    private static void AssertSame(string expected, string run)
    {
        foreach (string file in new[] { "results.jsonl", "results.md" })
            Assert.Equal(File.ReadAllText(Path.Combine(expected, file)), File.ReadAllText(Path.Combine(run, file)));
    }

    private static double Seconds(string run) =>
        double.Parse(File.ReadAllText(Path.Combine(run, "seconds.txt")), CultureInfo.InvariantCulture);

    private static int Cells(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Split("\"method\"").Length - 1 : 0;
        }
        catch (IOException)
        {
            return 0; // being renamed
        }
    }
}
