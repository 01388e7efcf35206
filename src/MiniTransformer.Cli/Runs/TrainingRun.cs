using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>A training run in its folder: begun or resumed, its metrics, its checkpoints, and how it is stopped.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly TrainingSettings settings;
    private readonly Terminal terminal;
    private readonly Vocabulary vocabulary;
    private int saved;

    private TrainingRun(RunDirectory folder, TrainingSettings settings, Terminal terminal, Vocabulary vocabulary) =>
        (Folder, this.settings, this.terminal, this.vocabulary) = (folder, settings, terminal, vocabulary);

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
            throw new UsageException($"--resume: there is no run in '{Invocation.Shown(path)}', the folder of --out. Begin it with its "
                + "flags, without --resume.");
        if (resume && !RunDirectory.Exists(path) && Directory.Exists(Path.Combine(path, "checkpoints")))
            throw new UsageException($"--resume: the run.json of '{Invocation.Shown(path)}' is lost, and without it nobody knows how its "
                + "checkpoints were made. Put it back, or name another --out.");
        if (resume || !Directory.Exists(path)) return;
        if (RunDirectory.Exists(path))
            throw new UsageException($"--out: '{Invocation.Shown(path)}' holds a run already. Continue it with --resume, or name another "
                + "folder.");
        if (Directory.EnumerateFileSystemEntries(path)
            .Any(entry => Path.GetFileName(entry) is var name && name != ".lock" && !RunDirectory.Leftovers.Contains(name)
                && !AtomicFile.IsLeftover(name)))
            throw new UsageException($"--out: the folder '{Invocation.Shown(path)}' exists and is not empty. Name another one.");
    }

    /// <summary>Begins a run, or opens it again.</summary>
    public static TrainingRun Open(string path, bool resume, TrainingSettings settings, Terminal terminal, Vocabulary vocabulary)
    {
        settings = settings with { Folder = Path.GetFullPath(path) };
        bool exists = RunDirectory.Exists(path);
        if (resume && !exists) terminal.Say($"There is nothing to resume in '{Invocation.Shown(path)}': a new run begins.");
        return new TrainingRun(exists ? RunDirectory.Open(path) : RunDirectory.Create(path, settings.ToJson()), settings, terminal,
            vocabulary);
    }

    /// <summary>
    /// Takes up the last checkpoint, if there is one, and drops what the metrics say of later updates; returns the updates done.
    /// </summary>
    /// <param name="policy">The policy.</param>
    /// <param name="optimizer">Its optimizer.</param>
    /// <param name="at">Where the run stands after a number of updates.</param>
    /// <param name="total">Updates of the whole run.</param>
    public int TakeUp(Transformer policy, AdamW optimizer, Func<int, TrainerState> at, int total)
    {
        string last = Folder.CheckpointPath(ModelFolder.Last);
        int updates = 0;
        if (Checkpoint.IsModel(last))
        {
            TrainerState state = Checkpoint.Resume(last, policy, optimizer);
            TrainerState needed = at(state.Updates);
            if (state.Phase != needed.Phase || state.Seed != needed.Seed)
                throw new InvalidDataException($"{last}: it is a checkpoint of {state.Phase} with seed {state.Seed}, not of {needed.Phase} "
                    + $"with seed {needed.Seed}.");
            if (state != needed)
                throw new InvalidDataException($"{Path.Combine(last, TrainerState.FileName)}: its counters contradict each other, or the "
                    + $"run: after {state.Updates} updates this run stands at {needed.Data} and {needed.Random}, not at {state.Data} and "
                    + $"{state.Random}. Delete the folder {last}, and --resume begins again at update 0.");
            if (state.Updates > total)
                throw new UsageException($"the run has made {state.Updates} updates already, and {total} are asked for; a resumed run can "
                    + "only go on.");
            updates = saved = state.Updates;
            terminal.Say($"Resumed after update {updates}.");
        }
        else
        {
            terminal.Say($"There is no checkpoint in {last} to resume from: starting again from update 0.");
        }

        Folder.SaveConfiguration(settings.ToJson()); // only now: a start that is refused leaves the run as it was
        // from the beginning: the point at step 0 is measured again
        Folder.Metrics.TruncateAfter(updates == 0 ? -1 : updates, warning => terminal.Say($"warning: {warning}"));
        return updates;
    }

    /// <summary>Saves a model as one of the run's checkpoints.</summary>
    public void Keep(string name, Transformer model) =>
        Checkpoint.Save(Folder.CheckpointPath(name), model, Saved, TypeFlag.Type(settings.SaveDtype));

    /// <summary>Saves the checkpoint to resume from, if it is not saved already.</summary>
    public void SaveLast(Transformer policy, AdamW optimizer, TrainerState state)
    {
        if (saved == state.Updates) return;
        Checkpoint.Save(Folder.CheckpointPath(ModelFolder.Last), policy, Saved, optimizer, state);
        saved = state.Updates;
    }

    /// <summary>
    /// Whether the accuracy curve lacks its point after an update: the run was stopped between the update and the measurement.
    /// </summary>
    public bool LacksPoint(int updates) => !RunDirectory.ReadMetrics(Folder.Path).Any(line =>
        line.TryGetProperty("kind", out JsonElement kind) && kind.GetString() == EvaluationPoint.KindName
            && line.GetProperty("step").GetInt32() == updates);

    /// <summary>Does the run's work; when it is stopped, says how to go on.</summary>
    /// <param name="command">sft or dpr.</param>
    /// <param name="total">Updates of the whole run.</param>
    /// <param name="again">What has to be given again to resume.</param>
    /// <param name="work">Trains, saving what was done when it is stopped; measures and reports.</param>
    /// <returns>The exit code.</returns>
    public int Work(string command, int total, string[] again, Action work)
    {
        try
        {
            work();
            return ExitCode.Done;
        }
        catch (OperationCanceledException)
        {
            terminal.Say(saved == 0 ? "Interrupted before an update was done. Begin again with:"
                : saved < total ? $"Interrupted after update {saved} of {total}; a checkpoint is saved. Resume with:"
                : $"Interrupted after the training; all {total} updates are done and saved. For the measurements, resume with:");
            terminal.Say($"  {Invocation.Of([command, "--out", Invocation.Shown(Folder.Path), "--resume", .. again])}");
            return ExitCode.Interrupted;
        }
    }

    /// <summary>Releases the folder.</summary>
    public void Dispose() => Folder.Dispose();

    private ITokenizer? Saved => vocabulary.Tokenizer;
}
