using System.Diagnostics;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Lab;
using MiniTransformer.Tests.IO;
using Spectre.Console;

namespace MiniTransformer.Tests.Cli;

/// <summary>What somebody sees first: the demo's tables, its end, and the completion of the command line.</summary>
public sealed class FirstMinuteTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void The_demo_s_table_is_a_table_on_80_columns(int seeds)
    {
        // The demo's own labels and numbers of its size.
        MethodResult[] results =
        [
            .. from seed in Enumerable.Range(1, seeds)
               from method in Methods.OfDemo(Regimes.All[0])
               select new MethodResult
               {
                   Regime = "r", Seed = (ulong)seed, Method = method.Name, Reference = method.Reference, Greedy = .455 + .01 * seed,
                   Sampled = .358 + .01 * seed, Kl = .6, Reward = -.12,
                   Entropy = .21, Length = 5.69, Ended = 1,
               },
        ];
        string[] lines = Shown(new Comparison(results).AccuracyTable(), 80);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        string row = Assert.Single(lines, line => line.TrimStart().StartsWith("continued SFT", StringComparison.Ordinal));
        Assert.Contains("0.60", row, StringComparison.Ordinal); // a row, and not a block of lines
        Assert.Contains("1.000", row, StringComparison.Ordinal);
        Assert.Equal(seeds >= 3, row.Contains('±'));
    }

    [Fact]
    public void What_does_not_fit_even_close_together_becomes_blocks() =>
        Assert.Contains("  greedy: .350",
            Shown(new ReportTable("t", ["method", "greedy", "sampled"], [["a name as long as this", ".350", ".274"]]), 24));

    [Fact]
    public void The_demo_ends_with_the_report_and_what_to_do_next()
    {
        using var folder = new TemporaryFolder();
        string[] lines = Cli.Done("demo", "--quick", "--seeds", "1", "--threads", "1", "--out", folder["demo"]).Out.TrimEnd().Split('\n');
        Assert.Contains("report.html", lines[^3], StringComparison.Ordinal);
        Assert.Matches("^Next, for intervals: minitransformer demo --out .*demo --seeds 5 --resume$", lines[^1].TrimEnd());
        Assert.DoesNotContain(lines, line =>
            line.Contains("± –", StringComparison.Ordinal) || line.Contains("[–]", StringComparison.Ordinal));
        Assert.True(lines.Count(line => line.Contains("--seeds 5", StringComparison.Ordinal)) == 1);
    }

    [Fact]
    public void Every_command_and_every_flag_stands_in_every_completion()
    {
        string[] flags = [.. MiniTransformer.Cli.CommandLine.Commands.SelectMany(c =>
            c.Command.Options.Where(o => o.Name.StartsWith("--", StringComparison.Ordinal)).Select(o => o.Name)).Distinct()];
        foreach (string shell in new[] { "bash", "zsh", "fish", "powershell" })
        {
            string script = Cli.Done("completion", shell).Out;
            Assert.All(MiniTransformer.Cli.CommandLine.Commands, c => Assert.Contains(c.Command.Name, script, StringComparison.Ordinal));
            Assert.All(flags, flag => Assert.Contains(shell == "fish" ? $"-l {flag[2..]}" : flag, script, StringComparison.Ordinal));
            Assert.Contains("base-to-curated", script, StringComparison.Ordinal); // the words of --regime
        }

        string zsh = Cli.Done("completion", "zsh").Out; // the first Tab loads the file, and is to be answered
        Assert.Contains("    _minitransformer \"$@\"\n", zsh, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'powershell'?", Cli.Run("completion", "powershel").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("minitransformer d", "demo dpr devices")]
    [InlineData("minitransformer demo --re", "--regime --resume")]
    [InlineData("minitransformer demo --regime base-to-c", "base-to-curated")]
    [InlineData("minitransformer completion z", "zsh")]
    [InlineData("minitransformer sft --seed 1", "")]
    public void Bash_completes_a_line(string line, string words)
    {
        if (!File.Exists("/bin/bash")) return; // it is bash's own completion that is asked
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["script"], Cli.Done("completion", "bash").Out);
        var start = new ProcessStartInfo("/bin/bash") { RedirectStandardOutput = true };
        const string ask = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($#-1)); _minitransformer; echo \"${COMPREPLY[@]}\"";
        string[] arguments = ["-c", ask, folder["script"], .. line.Split(' ')];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process bash = Process.Start(start)!;
        Assert.Equal(words, bash.StandardOutput.ReadToEnd().Trim());
    }

    private static string[] Shown(ReportTable table, int width)
    {
        var output = new StringWriter();
        IAnsiConsole screen = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No });
        screen.Profile.Width = width;
        Terminal.Write(screen, table);
        return [.. output.ToString().Split('\n').Select(line => line.TrimEnd())];
    }
}
