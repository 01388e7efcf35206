using System.CommandLine;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>credit: which tokens of a response earn the reward, as a page, and how well each score finds planted errors.</summary>
internal sealed class CreditCommand
{
    // Planted responses that the page shows.
    private const int PlantedShown = 6;

    private readonly Command command = new(
        "credit",
        "Show where the recovered reward is: responses with every token coloured by r̂, r_Q or log π against several references, in one "
            + "offline HTML page; and how well each score finds planted errors.");
    private readonly CommonFlags common;
    private readonly Flag<string?> policy = Flags.Path("--policy", "π_SFT: a model's folder, or a run's");
    private readonly Flag<string?> run = Flags.Path("--run", "the same for the folder of a run, whose held-out prompts are answered");
    private readonly Flag<string?> reference = Flags.Text(
        "--reference",
        "π_ref, one or more separated by commas: folders; or base, half or fractions such as 0.1, of the run [default: all that the run "
            + "has kept]", "DIR|NAME,...");
    private readonly Flag<string?> data = Flags.Path(
        "--data",
        "show the responses of this JSONL file: {\"prompt\",\"completion\"}, {\"messages\"} or {\"prompt_ids\",\"completion_ids\"} a line",
        "FILE");
    private readonly Flag<string?> task = Flags.Text("--task", "show the policy's own responses to prompts of these built-in tasks",
        "NAME,...");
    private readonly Flag<int> count = Flags.Int("--count", "prompts whose responses are shown", 12, min: 1);
    private readonly Flag<double> temperature = Flags.Number("--temperature",
        "of the policy's own responses; 0 takes the most probable token", 0);
    private readonly Flag<int?> maxTokens = Flags.OptionalInt("--max-tokens",
        "longest response of the policy [default: the longest right one and one more]", min: 1);
    private readonly Flag<bool> plant = Flags.Switch(
        "--plant",
        "replace one token of each right response by another, and measure how well each score finds it; own data without right answers "
            + "(answer, gold) have demonstrated ones");
    private readonly Flag<int> prompts = Flags.Int("--prompts", "with --plant: most responses that get an error", 500, min: 1);
    private readonly Flag<bool> json = Flags.Switch("--json", "with --plant: the table as one JSON line", saved: false);

    private CreditCommand() => common = new CommonFlags(
        command, "write the page to this file, a new one", "FILE", "seed of planted errors, of draws and, with --task, of the prompts");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var credit = new CreditCommand();
        foreach (Option flag in new Option[]
        {
            credit.policy, credit.run, credit.reference, credit.data, credit.task, credit.count, credit.temperature, credit.maxTokens,
            credit.plant, credit.prompts, credit.json,
        }) credit.command.Add(flag);
        string[] examples =
        [
            "credit --run runs/sft --reference base,half --out credit.html",
            "credit --policy models/expert --reference models/base,models/early --data responses.jsonl --out credit.html",
            "credit --run runs/sft --plant",
            "credit --run runs/sft --plant --prompts 2000 --seed 3 --json",
            "credit --policy runs/sft --task reverse,next --count 20 --temperature 1 --out credit.html",
        ];
        return new CliCommand(credit.command, credit.common, examples, credit.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        CreditSettings asked = RunSettings.Of<CreditSettings>(settings);
        string path = PolicyPath(asked);
        Check(settings, asked, path);
        using Device device = common.Device(settings, terminal.Stop);
        using var loaded = LoadedModel.Named(asked.Policy is null ? run.Name : policy.Name, path, device);
        Transformer expert = loaded.Model;
        using CreditReferences references = CreditReferences.Load(path, asked.Reference, expert, device);
        Vocabulary vocabulary = LoadedModel.Shared([loaded, .. references.Loaded]);
        int positions = references.All.Select(r => r.Model).Append(expert).Min(m => m.Config.MaxPositions);
        foreach (NamedReference same in references.All.Where(r => r.Model.HasWeightsOf(expert)))
            terminal.Say($"Warning: the reference {same.Name} has the weights of the policy itself, to the bit: r̂ is 0 for every token.");
        TrainedPrompts trained = TrainedPrompts.Of(expert.Companions);
        CreditData shown = terminal.Stop.Await(() => Data(asked, path, vocabulary, trained, terminal.Say));
        Demonstrations.FromExamples(shown.Examples).CheckLength(positions);
        if (trained.CountOf(shown.Examples.Select(e => e.PromptIds)) is var known && known > 0)
        {
            string which = $"{known} of {shown.Examples.Count} prompts are among those that the model, or its base, was trained on";
            terminal.Say($"Warning: {which}.");
            shown = shown with { What = $"{shown.What} ({which})" };
        }

        using ResultFile? page = settings.Get(common.Out) is { } file ? ResultFile.Open(file, terminal) : null;
        PlantedErrorResult? result = null;
        IReadOnlyList<PlantedExample> planted = [];
        if (asked.Plant)
        {
            Example[] right = [.. shown.Examples.Take(asked.Prompts)];
            planted = PlantedErrors.Plant(right, new TokenKinds(vocabulary.Tokenizer, vocabulary.Ends), asked.Seed, shown.Accepts);
            result = Progress.Show(terminal, open =>
            {
                ITrack track = open("planted errors", planted.Count);
                return PlantedErrors.Measure(
                    expert, references.All, planted, right.Length, asked.Seed, vocabulary.Ends, scored => track.Report(scored, "scored"));
            });
            result = result with { IsGold = shown.IsGold, TrainedPrompts = trained.CountOf(planted.Select(p => p.Example.PromptIds)) };
            if (settings.Get(json)) terminal.Print(JsonSerializer.Serialize(result, RunDirectory.Json));
            else Print(terminal, result);
        }

        if (page is not null)
        {
            SamplingOptions sampling = asked.Sampling(shown.Examples.Take(asked.Count).Max(e => e.ResponseIds.Length), positions);
            page.Writer.Write(Progress.Show(terminal, open =>
            {
                ITrack track = open("page", 1);
                SamplingOptions seen = new Measuring(track, () => 0, "the policy").Shown(sampling);
                IReadOnlyList<(Example, bool?, string)> responses = shown.Responses(expert, asked.Count, vocabulary, seen);
                var report = new CreditReport(
                    path, references, vocabulary, expert, (scored, all) => track.Report(0, $"{scored} of {all} responses scored"));
                string html = report.ToHtml(shown, responses, result, [.. planted.Take(PlantedShown)]);
                track.Report(1, "written");
                return html;
            }));
            page.Keep();
        }

        return ExitCode.Done;
    }

    private static string PolicyPath(CreditSettings asked)
    {
        if (asked.Policy is { } model)
            return asked.Run is null ? model : throw new UsageException("--policy and --run do not go together; give one of them.");
        return asked.Run is not { } folder
            ? throw new UsageException("--policy or --run is needed: π_SFT, a model's folder or an SFT run's.")
            : RunDirectory.Exists(folder) ? folder
            : throw new UsageException(
                $"--run: '{Invocation.Shown(folder)}' holds no run; the folder that sft was given as --out is needed, or a model's folder "
                    + "with --policy."
                + (Directory.Exists(folder) ? "" : ModelFolder.Neighbour(folder)));
    }

    private void Check(Settings settings, CreditSettings asked, string path)
    {
        if (asked.Task is not null && asked.Data is not null)
        {
            throw new UsageException("--task and --data do not go together; give one of them.");
        }
        if (!asked.Plant && settings.Get(common.Out) is null)
            throw new UsageException("--out is needed: the file of the page; or --plant, whose table needs none.");
        if (settings.Get(json) && !asked.Plant)
            throw new UsageException("--json needs --plant: it prints the table of planted errors. For the rewards of responses as JSON "
                + "use the command reward.");
        if (settings.Given(prompts) && !asked.Plant)
            throw new UsageException("--prompts needs --plant: how many responses get an error; --count says how many are shown.");
        if (asked.Data is not null && (settings.Given(temperature) || settings.Given(maxTokens)))
            throw new UsageException($"{(settings.Given(temperature) ? "--temperature" : "--max-tokens")} does not go with --data: the "
                + "responses are given.");
        if (asked.Task is null && asked.Data is null && !RunDirectory.Exists(path) && Checkpoint.IsModel(path))
            throw new UsageException($"'{Invocation.Shown(path)}' is a model, not a run: say which responses to show with --data or "
                + "--task.");
    }

    private static CreditData Data(CreditSettings asked, string path, Vocabulary vocabulary, TrainedPrompts trained, Action<string> say) =>
        asked.Data is { } file ? CreditData.OfFile(file, vocabulary, say)
        : asked.Task is { } tasks ? CreditData.OfTasks(tasks, asked.Seed, asked.Needed, vocabulary.Needed("--task"))
        : CreditData.OfRun(path, asked.Needed, vocabulary, trained, say);

    private static void Print(Terminal terminal, PlantedErrorResult result)
    {
        terminal.Print(PlantedErrorTable.Of(result));
        terminal.Print("");
        terminal.Print(PlantedErrorTable.Finding(result));
    }
}
