using System.CommandLine;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>eval: accuracy on held-out prompts, greedy and sampled.</summary>
internal sealed class EvalCommand
{
    private readonly Command command = new("eval",
        "Measure a run or a model on held-out prompts: exact match or what --verify says, greedy and sampled, per task and in total.");
    private readonly CommonFlags common;
    private readonly Flag<string?> run = Flags.Path("--run", "folder of an SFT or DPR run, or of a model");
    private readonly Flag<string> checkpoint = new("--checkpoint", "of a run: base, fraction-0.50, final ...; or 'all'", text =>
        text, ModelFolder.Final, hasDefault: true)
    { HelpName = "NAME" };
    private readonly Flag<string?> task = Flags.Text("--task", "measure on these built-in tasks instead of the run's own data", "NAME,...");
    private readonly Flag<string?> data = Flags.Path("--data",
        "measure on all examples of this JSONL file instead of the run's own data; --eval-data says that its answers are right", "FILE");
    private readonly JudgeFlag verify = new();
    private readonly Flag<double> temperature = Flags.Number("--temperature", "temperature of the sampled column", 1, open: true);
    private readonly Flag<int?> maxTokens = Flags.OptionalInt(
        "--max-tokens", "longest response, where the model's context has room for it [default: the longest right one and one more]",
        min: 1);
    private readonly Flag<bool> json = Flags.Switch("--json", "one JSON line a policy", saved: false);

    private EvalCommand() =>
        common = new CommonFlags(command, "write the results to this file instead of standard output", "FILE",
            "seed of the draws and, with --task, of the prompts [default: the run's]");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var eval = new EvalCommand();
        foreach (Option flag in new Option[] { eval.run, eval.checkpoint, eval.task, eval.data, eval.temperature, eval.maxTokens,
            eval.json }.Concat(eval.verify.All))
        {
            eval.command.Add(flag);
        }
        string[] examples =
        [
            "eval --run runs/sft",
            "eval --run runs/sft --checkpoint all --json",
            "eval --run models/expert --task reverse,sort --temperature 0.5",
            "eval --run runs/dpr --data held-out.jsonl",
            "eval --run runs/dpr --eval-data gold.jsonl --verify numeric",
            "eval --run runs/dpr --data problems.jsonl --verify 'command:python3 check.py'",
        ];
        return new CliCommand(eval.command, eval.common, examples, eval.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string path = settings.Required(run);
        if (new Option[] { task, data, verify.EvalData }.Where(settings.Given).ToArray() is [var one, var other, ..])
            throw new UsageException($"{one.Name} and {other.Name} do not go together; give one of them.");
        bool isRun = RunDirectory.Exists(path);
        TrainingSettings? training = isRun ? RunSettings.ReadTraining(path, "--run") : null;
        SftRun? sft = training?.Demonstrated;
        (string Name, string Folder)[] policies = Policies(settings, path, isRun);

        using Device device = common.Device(settings, terminal.Stop);
        using var loaded = LoadedModel.Open(policies[^1].Folder, device);
        (_, Transformer model, Vocabulary vocabulary) = loaded;
        DataSource source = Source(settings, training, path, terminal.Stop);
        bool own = source.File is not null || source.EvalFile is not null;
        source = source with { Verify = verify.Resolve(settings, own, training?.Verify ?? sft?.Verify) };
        string? evalFile = settings.Get(data) is null
            ? verify.EvalFile(settings, own, source.File is null ? null : training?.EvalAt(path))
            : null;
        TrainedPrompts trained = TrainedPrompts.Of(model.Companions);
        using RunData runData = terminal.Stop.Await(() =>
            source.Load(vocabulary, settings.Get(data) is null ? trained : null, terminal.Say, verify.Options(settings, terminal),
                evalFile));
        if (runData.Evaluation.Ids.Count(trained.Contains) is var known && known > 0)
            terminal.Say($"Warning: {known} of {runData.Evaluation.Count} prompts of {Invocation.Shown(settings.Get(data)!)} are among "
                + "those that the model, or its base, was trained on.");
        if (runData.Evaluation.Count == 0)
        {
            throw new UsageException("the run holds nothing out (--held-out 0); give the data to measure on with --data or --task.");
        }
        runData.Begin(terminal.Say);
        RunEvaluation.NameTooLong(runData.Evaluation, model.Config, terminal.Say);
        var evaluation = new RunEvaluation(runData, vocabulary, source.Seed, settings.Get(maxTokens) ?? training?.LongestDrawn);
        SamplingOptions sampling = evaluation.Sampling with { Temperature = (float)settings.Get(temperature) };

        // π_SFT and π_ref of the run, for KL and reward; a model on its own is compared with itself.
        (string expertFolder, string[] referenceFolders) = training is DprRun dpr
            ? terminal.Stop.Await(() => ExpertOf(dpr, path))
            : isRun
            ? (policies[^1].Folder, [ModelFolder.Named(run.Name, path, ModelFolder.Base)])
            : (policies[^1].Folder, [policies[^1].Folder]);
        using Transformer expert = Load(expertFolder);
        Transformer[] references = [.. referenceFolders.Select(Load)];
        var reward = new DenseReward(expert, references);

        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        var rows = new List<Measurement>();
        try
        {
            foreach ((string name, string folder) in policies)
            {
                using Transformer policy = Load(folder);
                rows.Add(Progress.Show(terminal, open =>
                {
                    ITrack track = open($"eval {name}", 1, 0);
                    SamplingOptions shown = new Measuring(track, () => 0, name).Shown(sampling);
                    Measurement row = runData.Evaluation.Measure(name, policy, reward, vocabulary, shown);
                    track.Report(1, "measured");
                    return row;
                }));
                if (settings.Get(json))
                {
                    results.Writer.WriteLine(PolicyTable.ToJson(runData.Evaluation, rows[^1], sampling.Temperature).ToJsonString());
                }
            }
        }
        catch (OperationCanceledException)
        {
            if (rows.Count > 0) WriteTables();
            throw results.Part(rows.Count == 0 ? null : $"{rows.Count} of {policies.Length} policies are measured");
        }

        WriteTables();
        results.Keep();
        return ExitCode.Done;

        // What is in memory already is shared.
        Transformer Load(string folder) => folder == loaded.Folder ? model.Clone() : LoadedModel.Open(folder, device).Model;

        void WriteTables()
        {
            if (settings.Get(json)) return;
            Write(PolicyTable.Of(runData.Evaluation, rows, sampling.Temperature));
            if (PolicyTable.PerTask(rows) is { } perTask) Write(perTask);
        }

        void Write(ReportTable table)
        {
            if (ReferenceEquals(results.Writer, terminal.Out)) terminal.Print(table);
            else results.Writer.WriteLine(table.ToMarkdown());
        }
    }

    private (string Name, string Folder)[] Policies(Settings settings, string path, bool isRun)
    {
        string name = settings.Get(checkpoint);
        if (!isRun) return [(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), ModelFolder.Named(run.Name, path))];
        string[] names = name == "all"
            ? [.. ModelFolder.Checkpoints(path).Where(c => c is not (ModelFolder.Last or ModelFolder.Final)), ModelFolder.Final]
            : [name];
        string flag = settings.Given(checkpoint) ? checkpoint.Name : run.Name;
        return [.. names.Select(n => (n, ModelFolder.Named(flag, path, n)))];
    }

    private DataSource Source(Settings settings, TrainingSettings? training, string path, CancellationToken stop)
    {
        SftRun? sft = training?.Demonstrated;
        ulong seed = settings.Given(common.Seed) || sft is null ? settings.Get(common.Seed) : sft.Seed;
        if (settings.Get(task) is { } tasks) return new DataSource(tasks, null, 1, 0, 0, seed);
        if (settings.Get(data) is { } file) return new DataSource(null, file, 1, 0, WholeFile, seed);
        if (sft is null && settings.Get(verify.EvalData) is { } gold) return new DataSource(null, null, 1, 0, 0, seed, EvalFile: gold);
        if (training is null)
        {
            throw new UsageException($"'{Invocation.Shown(path)}' is a model, not a run: say what to measure it on with --task, --data or "
                + "--eval-data.");
        }
        return stop.Await(() => training.SourceAt(path));
    }

    private static (string Expert, string[] References) ExpertOf(DprRun dpr, string path)
    {
        string sftRun = dpr.RunInput.Find((dpr.Folder, path));
        return (ModelFolder.Find(sftRun), ModelFolder.References(sftRun, dpr.ReferenceAt(path, sftRun)));
    }

    // A held-out share of 1: nothing is for training.
    private const double WholeFile = 1;
}
