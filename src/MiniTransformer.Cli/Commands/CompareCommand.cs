using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.IO;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>compare: every method in every regime over many seeds, with settings chosen on seeds of their own.</summary>
internal sealed class CompareCommand
{
    // The sweep's seeds begin this far after the first evaluation seed.
    private const ulong SweepOffset = 100;

    private readonly Command command = new("compare",
        "Run all methods in all regimes over several seeds, and compare them: accuracy, distance from SFT, equal KL.");
    private readonly CommonFlags common;
    private readonly CompareSource source;
    private readonly Flag<int?> seeds = Flags.OptionalInt("--seeds", "evaluation seeds, from --seed on [default: 10; 3 with --quick]",
        min: 1, mayChange: true);
    private readonly Flag<int?> sweepSeeds = Flags.OptionalInt(
        "--sweep-seeds",
        "seeds of the sweeps, on which settings are chosen and methods compared at equal KL; 0 for no sweep [default: 3; 1 with --quick]",
        mayChange: true);
    private readonly Flag<bool> quick = Flags.Switch("--quick",
        $"only {CompareSource.QuickNames}, with 3 seeds and 1 of the sweep: minutes instead of hours");
    private readonly Flag<bool> smoke = Flags.Switch("--smoke",
        "a reduced size that shows that everything works; its numbers mean nothing");
    private readonly Flag<bool> reportOnly = Flags.Switch(
        "--report-only",
        "compute nothing: write results.jsonl, results.md and report.html of --out again from the results that are there, and say what is "
            + "missing; it may run beside the comparison itself",
        saved: false);
    private readonly Flag<bool> dryRun = Flags.Switch("--dry-run", "compute nothing; print the memory that the regimes' steps will need",
        saved: false);
    private readonly Flag<bool> resume = Flags.Switch("--resume", "continue the comparison in --out: what is finished is not repeated",
        saved: false);

    private CompareCommand()
    {
        common = new CommonFlags(command, "folder of the results", seedDescription: "the first evaluation seed");
        source = new CompareSource(common.Seed);
    }

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var compare = new CompareCommand();
        foreach (Option flag in compare.source.All) compare.command.Add(flag);
        foreach (Option flag in new Option[] { compare.seeds, compare.sweepSeeds, compare.quick, compare.smoke, compare.dryRun,
            compare.resume, compare.reportOnly })
        {
            compare.command.Add(flag);
        }
        string[] examples =
        [
            "compare --quick --out runs/quick",
            "compare --out runs/table",
            "compare --out runs/table --resume",
            "compare --out runs/table --report-only",
            "compare --data problems.jsonl --verify numeric --seeds 5 --sweep-seeds 1 --out runs/mine",
            "compare --data mine.jsonl --verify 'command:python3 check.py' --base runs/base --out runs/mine",
            "compare --regimes base-to-better,noisy --seeds 5 --sweep-seeds 2 --out runs/two",
        ];
        return new CliCommand(compare.command, compare.common, examples, compare.Run)
        {
            Resume = compare.resume,
            Reread = compare.reportOnly
        };
    }

    private int Run(Settings settings, Terminal terminal)
    {
        bool isQuick = settings.Get(quick), rereading = settings.Get(reportOnly), resuming = settings.Get(resume),
            measuring = settings.Get(dryRun);
        string path = measuring ? "" : settings.Required(common.Out);
        if (measuring) resuming = rereading = false;
        else if (!rereading)
        {
            TrainingRun.CheckFree(path, resuming, canBegin: source.All.Concat([seeds, sweepSeeds, quick, smoke, common.Seed])
                .Any(settings.Given));
        }
        else if (!RunDirectory.Exists(path))
        {
            throw new UsageException($"--report-only: there is no comparison in '{Invocation.Shown(path)}', the folder of --out.");
        }
        using IJudge? verifier = source.Judge(settings, judges: !rereading, terminal);
        bool goesOn = (resuming || rereading) && RunDirectory.Exists(path);
        if (goesOn) terminal.Stop.Await(() => source.TakeUp(settings, RunSettings.Read<ComparisonSettings>(path), path));
        Regime[] chosen = terminal.Stop.Await(() => source.Chosen(settings, isQuick, verifier, terminal.Say));
        if (settings.Get(smoke)) chosen = [.. chosen.Select(r => r.Reduced())];
        if (measuring) return DryRun(settings, chosen, terminal);
        ulong first = settings.Get(common.Seed);
        ulong[] evaluation = Numbers(first, settings.Resolve(seeds, settings.Get(seeds) ?? (isQuick ? 3 : 10))!.Value);
        ulong[] sweep = Numbers(first + SweepOffset, settings.Resolve(sweepSeeds, settings.Get(sweepSeeds) ?? (isQuick ? 1 : 3))!.Value);
        if ((ulong)evaluation.Length > SweepOffset)
        {
            throw new UsageException($"--seeds {evaluation.Length}: at most {SweepOffset} are possible; the sweep's seeds come after "
                + "them.");
        }
        ComparisonSettings effective = terminal.Stop.Await(() =>
            source.WithHashes(RunSettings.Of<ComparisonSettings>(settings) with { Folder = Path.GetFullPath(path) }));
        var run = new ComparisonRunner(new ComparisonPlan(chosen, evaluation, sweep), path, effective.Belonging, unmarked: goesOn,
            terminal.Say);
        if (rereading)
        {
            run.Read(moveAside: false);
            Write(run, chosen, settings, RunClock.Read(path), terminal);
            return ExitCode.Done;
        }

        terminal.Stop.Await(() => CompareSource.Check(chosen, terminal));
        if (resuming && !goesOn) run.ReadWithoutSettings();
        using RunDirectory folder = resuming && RunDirectory.Exists(path)
            ? RunDirectory.Open(path)
            : RunDirectory.Create(path, effective.ToJson());
        if (resuming) folder.SaveConfiguration(effective.ToJson());
        terminal.Say($"{chosen.Length} regime(s) × {evaluation.Length} seed(s), {sweep.Length} more for the sweeps, {Threads(settings)} "
            + $"thread(s); results in {Invocation.Shown(path)}");
        try
        {
            Progress.Show(terminal, open =>
            {
                (int atOnce, Func<CancellationToken, Device> openDevice) = common.Many(settings);
                run.Run(atOnce, openDevice, open, terminal.Stop);
                return 0;
            });
        }
        catch (OperationCanceledException)
        {
            terminal.Say("Interrupted; what is finished is saved. Resume with:");
            terminal.Say($"  {Invocation.Of(["compare", "--out", Invocation.Shown(path), "--resume", .. source.Again(settings)])}");
            return ExitCode.Interrupted;
        }

        Write(run, chosen, settings, run.Seconds, terminal);
        return ExitCode.Done;
    }

    private int DryRun(Settings settings, Regime[] chosen, Terminal terminal)
    {
        (int atOnce, Func<CancellationToken, Device> open) = common.Many(settings);
        using Device device = open(default);
        terminal.Print($"Memory in MB, of {atOnce} cell(s) that are computed at a time each:");
        foreach (Regime regime in chosen)
        {
            (StepMemory sft, StepMemory dpr) = regime.Memory(device);
            terminal.Print(string.Create(
                CultureInfo.InvariantCulture,
                $"  {regime.Name,-16} a step of SFT {sft.Total / 1e6,10:0.00}   an update of DPR {dpr.Total / 1e6,10:0.00}, of it "
                    + $"activations {dpr.Activations / 1e6,10:0.00}; beside it weights as sampling reads them {dpr.Sampling / 1e6:0.00}"));
        }

        return ExitCode.Done;
    }

    // What the results say: on the screen, and in the run's folder.
    private void Write(ComparisonRunner run, Regime[] chosen, Settings settings, double? seconds, Terminal terminal)
    {
        string folder = settings.Required(common.Out), results = Path.Combine(folder, "results.jsonl"),
            tables = Path.Combine(folder, "results.md"), page = Path.Combine(folder, "report.html");
        run.WriteResults(results, result => result);
        var report = new CompareReport(chosen, run.Results, run.Facts, settings.Get(smoke), RegimeProgress.Sentence(run.Progress));
        report.Print(terminal);
        AtomicFile.WriteAllText(tables, report.ToMarkdown());
        string time = seconds is { } known && double.IsFinite(known) ? Progress.Duration(known) : "not known";
        string configuration = settings.Effective().ToJsonString(new JsonSerializerOptions(RunDirectory.Json) { WriteIndented = true });
        AtomicFile.WriteAllText(page, report.ToHtml(
            configuration, [("command", Command(settings)), .. RunReport.Machine(),
                ("threads", Threads(settings).ToString(CultureInfo.InvariantCulture)), ("time", time)]));
        terminal.Print("");
        terminal.Print($"Report: {Invocation.Shown(page)}  (tables: {Invocation.Shown(tables)}, numbers: {Invocation.Shown(results)})");
        if (seconds is { } all && double.IsFinite(all)) terminal.Print($"Took {time}, all starts together.");
    }

    private string Command(Settings settings) => Invocation.Of(
    [
        "compare", .. settings.Get(smoke) ? ["--smoke"] : Array.Empty<string>(), .. source.Written(settings), "--seeds",
        Number(settings.Get(seeds)!.Value),
        "--sweep-seeds", Number(settings.Get(sweepSeeds)!.Value),
        .. settings.Given(common.Seed)
        ? ["--seed", settings.Get(common.Seed).ToString(CultureInfo.InvariantCulture)]
        : Array.Empty<string>(),
    ]);

    private int Threads(Settings settings) => settings.Get(common.Threads) is var t and > 0 ? t : Environment.ProcessorCount;

    private static string Number(int n) => n.ToString(CultureInfo.InvariantCulture);

    private static ulong[] Numbers(ulong first, int count) => [.. Enumerable.Range(0, count).Select(i => first + (ulong)i)];
}
