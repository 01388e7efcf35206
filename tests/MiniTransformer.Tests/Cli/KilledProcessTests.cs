using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class KilledProcessTests
{
    [Fact]
    public void Sft_killed_at_several_points_ends_with_the_same_weights_after_resuming()
    {
        using var folder = new TemporaryFolder();
        string[] run = ["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "300", "--checkpoint-every", "7"];
        Cli.Done([.. run, "--out", folder["whole"]]);
        string killed = folder["killed"];
        KillAfter(linesOfMetrics: 3, killed, [.. run, "--out", killed, "--resume"]); // before the first checkpoint
        foreach (int lines in new[] { 40, 110 }) KillAfter(lines, killed, ["sft", "--out", killed, "--resume"]);
        Cli.Done("sft", "--out", killed, "--resume");
        Assert.Equal(Cli.WeightsOf(folder["whole"]), Cli.WeightsOf(killed));
        Assert.Equal(Cli.WeightsOf(folder["whole"], "fraction-0.10"), Cli.WeightsOf(killed, "fraction-0.10"));
        Assert.Equal(Cli.MetricsOf(folder["whole"]), Cli.MetricsOf(killed));
    }

    [Fact]
    public void Dpr_killed_at_several_points_ends_with_the_same_weights_after_resuming()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "4", "--out", folder["sft"]]);
        string[] run = ["dpr", "--run", folder["sft"], "--updates", "120", "--prompts-per-update", "8", "--checkpoint-every", "5",
            "--evaluate-every", "0", "--lr", "1e-4", "--threads", "1"];
        Cli.Done([.. run, "--out", folder["whole"]]);
        string killed = folder["killed"];
        KillAfter(linesOfMetrics: 12, killed, [.. run, "--out", killed]);
        KillAfter(linesOfMetrics: 30, killed, ["dpr", "--out", killed, "--resume"]);
        Cli.Done("dpr", "--out", killed, "--resume");
        Assert.Equal(Cli.WeightsOf(folder["whole"]), Cli.WeightsOf(killed));
        Assert.Equal(Cli.MetricsOf(folder["whole"]), Cli.MetricsOf(killed));
    }

    private static void KillAfter(int linesOfMetrics, string run, string[] args) =>
        KilledProcess.Run(args, () => Cli.LinesOfMetrics(run) >= linesOfMetrics);
}
