using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.IO;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Commands;

/// <summary>demo: the whole method on a built-in regime, with its comparison.</summary>
internal sealed class DemoCommand
{
    private readonly Command command = new("demo", "Train a base, SFT and DPR on a built-in regime, and compare them on held-out prompts.");
    private readonly CommonFlags common;
    private readonly Flag<string> regime = Flags.Choice("--regime", "the setting", [.. Regimes.All.Select(r => r.Name)],
        Regimes.All[0].Name);
    private readonly Flag<int> seeds = Flags.Int(
        "--seeds", "how many seeds, from --seed on; intervals need 3, 5 are better", 2, min: 1, mayChange: true);
    private readonly Flag<bool> quick = Flags.Switch(
        "--quick", "a reduced size that shows that everything works, in seconds; its numbers mean nothing");
    private readonly Flag<double?> initStd = ModelFlags.InitStd("");
    private readonly Flag<bool> resume = Flags.Switch("--resume", "continue the demo in --out: finished seeds are not repeated",
        saved: false);

    private DemoCommand() =>
        common = new CommonFlags(command, "folder of the results, a new one [default: runs/demo-REGIME, numbered if it exists]",
            seedDescription: "the first seed");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var demo = new DemoCommand();
        foreach (Option flag in new Option[] { demo.regime, demo.seeds, demo.quick, demo.initStd, demo.resume }) demo.command.Add(flag);
        string[] examples = ["demo", "demo --seeds 5", "demo --regime base-to-curated --seeds 5", "demo --quick --seeds 1"];
        return new CliCommand(demo.command, demo.common, examples, demo.Run) { Resume = demo.resume };
    }

    private int Run(Settings settings, Terminal terminal)
    {
        Regime chosen = Regimes.Named(settings.Get(regime));
        if (settings.Get(quick)) chosen = chosen.Reduced();
        if (settings.Get(initStd) is { } deviation)
        {
            chosen = chosen with
            {
                Model = chosen.Model with { InitStd = deviation },
                Description = FormattableString.Invariant($"{chosen.Description}; weights begin with a deviation of {deviation}"),
            };
        }

        bool resuming = settings.Get(resume);
        string path = settings.Get(common.Out) ?? Free(Path.Combine("runs", $"demo-{chosen.Name}"));
        TrainingRun.CheckFree(path, resuming, canBegin: new Option[] { regime, seeds, quick, initStd, common.Seed }.Any(settings.Given));
        DemoSettings run = RunSettings.Of<DemoSettings>(settings);
        JsonObject effective = run.ToJson();
        bool goesOn = resuming && RunDirectory.Exists(path);
        ulong[] numbers = [.. Enumerable.Range(0, run.Seeds).Select(i => run.Seed + (ulong)i)];
        ComparisonPlan plan = new([chosen], numbers, []) { IsDemo = true };
        var runner = new ComparisonRunner(plan, path, _ => run.Belonging(), unmarked: goesOn, terminal.Say);
        if (resuming && !goesOn) runner.ReadWithoutSettings();
        using RunDirectory folder = goesOn ? RunDirectory.Open(path) : RunDirectory.Create(path, effective);
        if (goesOn) folder.SaveConfiguration(effective);
        if (goesOn && Directory.Exists(Path.Combine(path, "seeds")))
            terminal.Say("The seeds that an earlier version finished, in seeds/, are computed again, to the same numbers.");

        (int threads, Func<CancellationToken, Device> openDevice) = common.Many(settings);
        terminal.Say($"{chosen.Name}: {chosen.Description}.");
        string where = settings.Get(common.DeviceName) is var name and not "cpu"
            ? $"on {name}"
            : $"with {Math.Min(threads, numbers.Length)} thread(s)";
        string many = numbers.Length == 1 ? "One seed" : $"{numbers.Length} seeds";
        terminal.Say($"{many} {where}: pretraining, SFT, continued SFT, DPR three times, and their evaluation.");
        try
        {
            Progress.Show(terminal, open =>
            {
                runner.Run(threads, openDevice, open, terminal.Stop);
                return 0;
            });
        }
        catch (OperationCanceledException)
        {
            terminal.Say("Interrupted; finished seeds are saved. Resume with:");
            terminal.Say($"  {Invocation.Of("demo", "--out", Invocation.Shown(folder.Path), "--resume")}");
            return ExitCode.Interrupted;
        }

        string time = Progress.Duration(runner.Seconds);
        string memory = $"{Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB";
        runner.WriteResults(Path.Combine(folder.Path, "results.jsonl"), Line);
        var report = new DemoReport(chosen, runner.Worlds, settings.Get(quick));
        report.Print(terminal);
        folder.SaveReport(report.ToHtml(
            effective.ToJsonString(new JsonSerializerOptions(RunDirectory.Json) { WriteIndented = true }),
            [("command", Command(settings)), .. RunReport.Machine(), ("time", time), ("peak memory", memory)]));
        AtomicFile.WriteAllText(Path.Combine(folder.Path, "accuracy.svg"), report.AccuracySvg());
        terminal.Print("");
        terminal.Print($"Report: {Invocation.Shown(folder.ReportPath)}  (numbers: "
            + $"{Invocation.Shown(Path.Combine(folder.Path, "results.jsonl"))})");
        terminal.Print($"Took {time}, at most {memory} of memory.");
        terminal.Print(numbers.Length < Statistics.FewestForInterval
            ? $"Next, for intervals: {Invocation.Of("demo", "--out", Invocation.Shown(folder.Path), "--seeds", "5", "--resume")}"
            : "Next, with models of your own: "
                + Invocation.Of("sft", "--task", "reverse,next,upper,swap", "--good", "0.2", "--epochs", "10", "--out", "runs/base"));
        return ExitCode.Done;
    }

    private string Command(Settings settings)
    {
        List<string> words = ["demo", "--regime", settings.Get(regime), "--seeds", settings.Get(seeds)
            .ToString(CultureInfo.InvariantCulture)];
        if (settings.Get(initStd) is { } deviation) words.AddRange(["--init-std", deviation.ToString(CultureInfo.InvariantCulture)]);
        return Invocation.Of([.. words]);
    }

    // A line of results.jsonl.
    private static object Line(MethodResult r) => new
    {
        arm = r.Label,
        r.Seed,
        r.Greedy,
        r.Sampled,
        r.Reward,
        r.Kl,
        r.Entropy,
        r.Length,
        r.Ended,
        perTask = r.Tasks,
    };

    private static string Free(string path)
    {
        for (int i = 1; ; i++)
        {
            string candidate = Path.GetFullPath(i == 1 ? path : FormattableString.Invariant($"{path}-{i}"));
            if (!Path.Exists(candidate)) return candidate;
        }
    }
}
