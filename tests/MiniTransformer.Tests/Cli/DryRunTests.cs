using System.Globalization;
using System.Text.RegularExpressions;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>Memory that is told before it is taken.</summary>
public sealed class DryRunTests
{
    [Fact]
    public void Dpr_and_compare_tell_the_memory_they_will_need_and_pieces_need_less()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, "--steps", "4", "--out", folder["sft"], .. Cli.NoCurve]);
        string[] dpr = ["dpr", "--run", folder["sft"], "--prompts-per-update", "64", "--max-tokens", "8", "--threads", "1"];
        string whole = Cli.Done([.. dpr, "--dry-run"]).Out, pieces = Cli.Done([.. dpr, "--dry-run", "--micro-batch", "4"]).Out;
        Assert.Contains("64 responses of 8 tokens", whole, StringComparison.Ordinal);
        Assert.Equal(Number(whole, "parameters"), Number(pieces, "parameters"));
        Assert.Equal(Number(whole, "gradients") * 2, Number(whole, "optimizer"), .02);
        Assert.True(Number(pieces, "activations") <= Number(whole, "activations"));
        Assert.Equal(Number(whole, "together"),
            new[] { "parameters", "gradients", "optimizer", "activations" }.Sum(part => Number(whole, part)), .03);
        Assert.Equal(["sft"], Directory.GetDirectories(folder[""]).Select(Path.GetFileName)); // nothing was made

        Cli.Done([.. dpr, "--updates", "1", "--micro-batch", "5", "--out", folder["dpr"], .. Cli.NoCurve]);
        string compared = Cli.Done("compare", "--regimes", "lazyshift,clean", "--dry-run", "--threads", "2").Out;
        Assert.Contains("2 cell(s)", compared, StringComparison.Ordinal);
        Assert.Matches(@"lazyshift +a step of SFT +\d+\.\d\d +an update of DPR +\d+\.\d\d", compared);
        Assert.Matches("clean +a step of SFT", compared);
    }

    private static double Number(string text, string name) =>
        double.Parse(Regex.Match(text, name + @" +([\d.]+)").Groups[1].Value, CultureInfo.InvariantCulture);
}
