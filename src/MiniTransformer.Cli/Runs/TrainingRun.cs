using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Reports;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>A training run in its folder: begun or resumed, its metrics, its checkpoints, and how it is stopped.</summary>
internal sealed class TrainingRun : IDisposable
{
    // What a start that was killed before it wrote its configuration may have left.
    private static readonly string[] Leftovers = [".lock", "metrics.jsonl"];

    private readonly Terminal terminal;
    private readonly Vocabulary vocabulary;

    private TrainingRun(RunDirectory folder, Terminal terminal, Vocabulary vocabulary) =>
        (Folder, this.terminal, this.vocabulary) = (folder, terminal, vocabulary);

    /// <summary>The folder.</summary>
    public RunDirectory Folder { get; }

    /// <summary>Refuses a folder that holds something already, unless it is to be resumed. Call it before the long preparations.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="resume">Whether it is to be resumed.</param>
    /// <param name="canBegin">Whether a new run could begin where there is nothing to resume.</param>
    public static void CheckFree(string path, bool resume, bool canBegin)
    {
        if (File.Exists(path)) throw new UsageException($"--out: '{Invocation.Shown(path)}' is a file; name a new folder.");
        if (resume && !canBegin && !RunDirectory.Exists(path))
            throw new UsageException($"--resume: there is no run in '{Invocation.Shown(path)}', the folder of --out.");
        if (resume || !Directory.Exists(path)) return;
        if (RunDirectory.Exists(path))
            throw new UsageException($"--out: '{Invocation.Shown(path)}' holds a run already. Continue it with --resume, or name another folder.");
        if (Directory.EnumerateFileSystemEntries(path).Any(entry => !Leftovers.Contains(Path.GetFileName(entry))))
            throw new UsageException($"--out: the folder '{Invocation.Shown(path)}' exists and is not empty. Name another one.");
    }

    /// <summary>Begins a run, or opens it again.</summary>
    public static TrainingRun Open(string path, bool resume, TrainingSettings settings, Terminal terminal, Vocabulary vocabulary)
    {
        JsonObject configuration = settings.ToJson();
        bool exists = RunDirectory.Exists(path);
        if (resume && !exists) terminal.Say($"There is nothing to resume in '{Invocation.Shown(path)}': a new run begins.");
        var run = new TrainingRun(exists ? RunDirectory.Open(path) : RunDirectory.Create(path, configuration), terminal, vocabulary);
        if (exists) run.Folder.SaveConfiguration(configuration);
        return run;
    }

    /// <summary>Takes up the last checkpoint, if there is one, and drops what the metrics say of later updates; returns the updates done.</summary>
    public int TakeUp(Transformer policy, AdamW optimizer, string phase, ulong seed)
    {
        string last = Folder.CheckpointPath(ModelFolder.Last);
        int updates = 0;
        if (Checkpoint.IsModel(last))
        {
            TrainerState state = Checkpoint.Resume(last, policy, optimizer);
            if (state.Phase != phase || state.Seed != seed)
                throw new InvalidDataException($"{last}: it is a checkpoint of {state.Phase} with seed {state.Seed}, not of {phase} with seed {seed}.");
            updates = state.Updates;
            terminal.Say($"Resumed after update {updates}.");
        }
        else
        {
            terminal.Say($"There is no checkpoint in {last} to resume from: starting again from update 0.");
        }

        Folder.Metrics.TruncateAfter(updates == 0 ? -1 : updates); // from the beginning: the point at step 0 is measured again
        return updates;
    }

    /// <summary>Whether the metrics hold the point of the curve after so many updates: a run that was stopped while it measured has none.</summary>
    public bool HasPoint(int step) => RunDirectory.ReadMetrics(Folder.Path).Any(line =>
        line.TryGetProperty("kind", out JsonElement kind) && kind.ValueKind == JsonValueKind.String && kind.GetString() == "evaluation" && line.GetProperty("step").GetInt32() == step);

    /// <summary>Saves a model as one of the run's checkpoints.</summary>
    public void Keep(string name, Transformer model) => Checkpoint.Save(Folder.CheckpointPath(name), model, Saved);

    /// <summary>Saves the checkpoint to resume from.</summary>
    public void SaveLast(Transformer policy, AdamW optimizer, TrainerState state) =>
        Checkpoint.Save(Folder.CheckpointPath(ModelFolder.Last), policy, Saved, optimizer, state);

    /// <summary>Says how to go on after Ctrl+C; the exit code.</summary>
    /// <param name="command">"sft" or "dpr".</param>
    /// <param name="updates">Updates done.</param>
    /// <param name="total">Updates of the whole run.</param>
    /// <param name="again">What has to be given again.</param>
    public int Interrupted(string command, int updates, int total, params string[] again)
    {
        terminal.Say($"Interrupted after update {updates} of {total}; a checkpoint is saved. Resume with:");
        terminal.Say($"  {Invocation.Of([command, "--out", Invocation.Shown(Folder.Path), "--resume", .. again])}");
        return CommandLine.Interrupted;
    }

    /// <summary>Releases the folder.</summary>
    public void Dispose() => Folder.Dispose();

    private ITokenizer? Saved => vocabulary.Tokenizer;
}
