using System.CommandLine;
using System.Globalization;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>sft: supervised fine-tuning, from random weights or from a base.</summary>
internal sealed class SftCommand
{
    private readonly Command command = new("sft",
        "Train on demonstrations (supervised fine-tuning), from random weights or from a base model.");
    private readonly CommonFlags common;
    private readonly Flag<string?> task = Flags.Text("--task", "built-in tasks, separated by commas, or 'all'; see the command tasks",
        "NAME,...");
    private readonly Flag<string?> data = Flags.Path(
        "--data",
        "demonstrations in JSONL instead: {\"prompt\",\"completion\"}, {\"messages\"}, {\"conversations\"} or "
            + "{\"prompt_ids\",\"completion_ids\"} a line", "FILE", isInput: true);
    private readonly Flag<bool> resume = Flags.Switch("--resume", "continue the run in --out from its last checkpoint, bit for bit",
        saved: false);
    private readonly Flag<string?> baseModel = Flags.Path(
        "--base", "start from this model's folder, or from a run's final checkpoint, instead of random weights", isInput: true);
    private readonly Flag<int?> steps = Flags.OptionalInt("--steps", "updates; instead of --epochs", min: 1);
    private readonly Flag<double?> epochs = Flags.OptionalNumber(
        "--epochs", "passes over the demonstrations [default: 1 from a base, 5 from random weights]", open: true);
    private readonly Flag<int?> batch = Flags.OptionalInt(
        "--batch", "demonstrations an update [default: 32 from a base, 64 from random weights]", min: 1);
    private readonly Flag<int> microBatch = Flags.Int(
        "--micro-batch", "sequences computed together, 0 for the whole batch; less memory, the same gradient", 0);
    private readonly Flag<double?> lr = Flags.OptionalNumber(
        "--lr", "peak learning rate [default: 3e-4 from a base, 2e-3 from random weights]", open: true);
    private readonly Flag<int?> warmup = Flags.OptionalInt(
        "--warmup", "updates of linear warm-up [default: the smaller of 50 and a fifth of the updates]");
    private readonly Flag<double> finalFraction = Flags.Number(
        "--final-fraction",
        "what the learning rate falls towards along a cosine, as a part of the peak, and would reach after the last update; 1 keeps it "
            + "constant", .02, max: 1);
    private readonly Flag<double> maxGradNorm = Flags.Number("--max-grad-norm", "clip the gradient's norm to this; 0 does not clip", 1);
    private readonly Flag<double[]?> keepAt = Flags.Fractions(
        "--keep-at",
        "keep the checkpoints at these fractions of the training samples: each can be a reference; 'none' keeps none [default: 0.1,0.5]");
    private readonly Flag<int?> checkpointEvery = Flags.OptionalInt(
        "--checkpoint-every", "updates between checkpoints to resume from [default: a tenth of the updates]", min: 1, mayChange: true);
    private readonly Flag<int?> evaluateEvery = Flags.OptionalInt(
        "--evaluate-every", "updates between points of the accuracy curve, 0 for none [default: a tenth of the updates]", mayChange: true);
    private readonly Flag<int?> demonstrations = Flags.OptionalInt(
        "--demonstrations", "tasks: number of demonstrations [default: 3000 from a base, 12000 from random weights]", min: 1);
    private readonly Flag<double> good = Flags.Number(
        "--good", "tasks: probability of a right answer in a demonstration; the others are lazy", 1, max: 1);
    private readonly Flag<double> heldOut = Flags.Number("--held-out", "data: share of the prompts that is held out for evaluation", .1,
        max: .9);
    private readonly JudgeFlag verify = new();
    private readonly Flag<string> lossOn = Flags.Choice(
        "--loss-on", "conversations: which turns of the assistant carry loss, all of them or the last", ["all", "last"], "all",
        formerly: SftRun.LossOnFormerly);
    private readonly Flag<bool> inOrder = Flags.Switch("--in-order",
        "take the demonstrations in their order, for data that improves over time");
    private readonly Flag<string> objective = Flags.Choice("--objective", "what is maximised",
        ["sft", "inverse-q", "inverse-q-chi2", "dft"], "sft");
    private readonly Flag<double> gamma = Flags.Number("--gamma", "discount of the inverse-q objectives", 1, max: 1, open: true);
    private readonly Flag<double> alpha = Flags.Number("--alpha", "weight of the chi2 regulariser; larger is closer to linear", 10,
        open: true);
    private readonly Flag<bool> recompute = Flags.Switch(
        "--recompute",
        "compute the blocks again in the backward pass: activations of one block instead of all, for one more forward pass; the same bits");
    private readonly Flag<string?> lora = Flags.Text(
        "--lora",
        "train low-rank adapters of the base, which stays as it is: r=16,alpha=32,targets=all, targets from q,k,v,o,gate,up,down (q+v), "
            + "and rslora for the scale alpha/√r; "
        + "there is no dropout", "r=N,...");
    private readonly Flag<string?> trainable = Flags.Text("--trainable",
        "with --lora, what else is trained: norms, embeddings, head, or all", "NAME,...");
    private readonly Flag<bool> dryRun = Flags.Switch("--dry-run", "train nothing; print the memory that a step will need", saved: false);
    private readonly Flag<string?> saveType = TypeFlag.Create();
    private readonly ModelFlags model = new();

    private SftCommand() => common = new CommonFlags(command, "folder of the run, a new one");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var sft = new SftCommand();
        foreach (Option flag in new Option[]
        {
            sft.task, sft.data, sft.resume, sft.baseModel, sft.steps, sft.epochs, sft.batch, sft.microBatch, sft.lr, sft.warmup,
            sft.finalFraction, sft.maxGradNorm,
            sft.keepAt, sft.checkpointEvery, sft.evaluateEvery, sft.demonstrations, sft.good, sft.heldOut, sft.lossOn, sft.inOrder,
            sft.objective, sft.gamma, sft.alpha,
            sft.recompute, sft.lora, sft.trainable, sft.dryRun, sft.saveType,
        }) sft.command.Add(flag);
        foreach (Option flag in sft.verify.All.Concat(sft.model.All)) sft.command.Add(flag);
        string[] examples =
        [
            "sft --task reverse,sort --steps 800 --checkpoint-every 100 --out runs/sft",
            "sft --out runs/sft --resume",
            "sft --task reverse,next,upper,swap --good 0.2 --epochs 10 --out runs/base",
            "sft --base runs/base --task reverse,next,upper,swap --good 0.4 --seed 2 --out runs/better",
            "sft --data demonstrations.jsonl --epochs 3 --held-out 0.1 --out runs/mine",
            "sft --data demonstrations.jsonl --base models/qwen --lora r=16,alpha=32,targets=all --out runs/adapters",
            "sft --data problems.jsonl --verify numeric --eval-data gold.jsonl --out runs/problems",
        ];
        return new CliCommand(sft.command, sft.common, examples, sft.Run) { Resume = sft.resume };
    }

    private int Run(Settings settings, Terminal terminal)
    {
        bool measuring = settings.Get(dryRun), resuming = settings.Get(resume);
        string path = measuring ? "" : settings.Required(common.Out);
        if (!measuring) TrainingRun.CheckFree(path, resuming, canBegin: settings.Get(task) is not null || settings.Get(data) is not null);
        if (resuming && RunDirectory.Exists(path))
        {
            SftRun began = RunSettings.Read<SftRun>(path);
            terminal.Stop.Await(() => RunInput.TakeUp(settings, data, began.DataInput, (began.Folder, path)));
            terminal.Stop.Await(() => RunInput.TakeUp(settings, baseModel, began.BaseInput, (began.Folder, path)));
            terminal.Stop.Await(() => RunInput.TakeUp(settings, verify.EvalData, began.EvalInput, (began.Folder, path)));
        }

        SftRun asked = Asked(settings);
        using Device device = common.Device(settings, terminal.Stop);

        // The model to start from, and what its ids mean.
        string? start = settings.Get(baseModel) is { } folder ? ModelFolder.Named(baseModel.Name, folder) : null;
        using LoadedModel? origin = start is null ? null : measuring ? LoadedModel.Blank(start, device) : LoadedModel.Open(start, device);
        (Transformer? loaded, Vocabulary vocabulary) = (origin?.Model, origin?.Vocabulary ?? Vocabulary.Bytes());
        using RunData runData = terminal.Stop.Await(() =>
        {
            if (asked.Source.File is { } file && !measuring) DataSource.RequireFile("--data", file);
            if (asked.Source.EvalFile is { } gold && !measuring) DataSource.RequireFile("--eval-data", gold);
            return asked.Source.Load(vocabulary, loaded is null ? null : TrainedPrompts.Of(loaded.Companions), terminal.Say,
                verify.Options(settings, terminal));
        });
        TransformerConfig config = model.Resolve(settings, loaded?.Config, vocabulary, runData, device);
        RunEvaluation.CheckLength(runData, config);
        SftOptions options = asked.Options();
        UsageException.Check(options.Validate);
        LoraOptions? adapters = Adapters(asked, loaded);
        ElementType frozen = loaded?.StoredAs ?? ElementType.F32;
        if (measuring) return DryRun(config, adapters, loaded?.StoredAs, runData.Train, options, asked.Recompute, device, terminal);
        TrainingMemory.Require(config, adapters, frozen, fromBase: loaded is not null, device, Longest(runData.Train, options),
            asked.Recompute);
        runData.Begin(terminal.Say);
        int total = options.StepsFor(runData.Train.Count),
            every = settings.Resolve(checkpointEvery, settings.Get(checkpointEvery) ?? Math.Max(1, total / 10))!.Value;
        int curveEvery = settings.Resolve(evaluateEvery, settings.Get(evaluateEvery) ?? Math.Max(1, total / 10))!.Value;

        SftRun effective = RunSettings.Of<SftRun>(settings) with
        {
            DataSha256 = asked.Data is { } file ? terminal.Stop.Await(() => RunInput.HashOf(file, isModel: false)) : null,
            BaseSha256 = asked.Base is { } named ? terminal.Stop.Await(() => RunInput.HashOf(named, isModel: true)) : null,
            EvalDataSha256 = asked.EvalData is { } evaluated ? terminal.Stop.Await(() => RunInput.HashOf(evaluated, isModel: false)) : null,
        };
        Warn(options, total, terminal);
        OpenEnds.Warn(runData.Train, vocabulary, terminal.Say);
        using TrainingRun run = TrainingRun.Open(path, resuming, effective, terminal, vocabulary);
        return run.Work("sft", total, verify.Again(settings), () =>
        {
            using Transformer policy = PolicyOf(config, loaded, adapters, device, options.Seed);
            if (adapters is not null) policy.Base ??= new AdaptedBase(Path.GetFullPath(start!), effective.BaseSha256!);
            policy.Recompute = effective.Recompute;
            using Transformer first = loaded is not null && adapters is null ? loaded.Clone() : policy.Clone();
            policy.Companions = TrainedPrompts.Of(policy.Companions).With(runData.Train.Select(e => e.PromptIds)).AddTo(policy.Companions);
            if (!Checkpoint.IsModel(run.Folder.CheckpointPath(ModelFolder.Base))) run.Keep(ModelFolder.Base, first);
            using var optimizer = new AdamW(policy.Parameters, options.Optimizer);
            int done = resuming
                ? run.TakeUp(policy, optimizer, updates => TrainerState.Sft(updates, options, runData.Train.Count), total)
                : 0;
            long count = policy.Parameters.Where(p => p.Trainable).Sum(p => (long)p.Shape.Count);
            string trained = adapters is null ? "" : FormattableString.Invariant($", of which {count:#,0} are trained");
            string parameters = FormattableString.Invariant($"{policy.ParameterCount:#,0}");
            terminal.Say($"SFT: {runData.Train.Count} demonstrations, {parameters} parameters{trained}, "
                + $"{total} updates of {options.BatchSize}, on {device.Name}.");
            if (done >= total) terminal.Say("All updates are done.");
            var evaluation = new RunEvaluation(runData, vocabulary, options.Seed);
            Progress.Show(terminal, open => Train(open("SFT", total, done)));

            run.Keep(ModelFolder.Final, policy);
            var reward = new DenseReward(policy, first);
            RunReport.Write(run.Folder, evaluation, effective, reward,
                [(loaded is null ? "random weights" : "base", first), ("SFT", policy)], terminal, "SFT");

            // Updates, checkpoints and points of the curve; what a measurement could lose is saved before it.
            int Train(ITrack track)
            {
                try
                {
                    if (IsDue(done) && run.LacksPoint(done)) evaluation.Point(policy, "sft", done, run.Folder.Metrics, track);
                    foreach (SftStep step in Sft.Train(policy, runData.Train, options, optimizer))
                    {
                        run.Folder.Metrics.Append(step);
                        foreach (double fraction in options.KeepAt.Where(f => UpdateOf(f, total) == step.Step))
                        {
                            run.Keep(ModelFolder.Fraction(fraction), policy);
                        }
                        if (step.Step % every == 0 || step.Step == total || IsDue(step.Step)) Save();
                        if (IsDue(step.Step)) evaluation.Point(policy, "sft", step.Step, run.Folder.Metrics, track);
                        track.Report(step.Step, string.Create(CultureInfo.InvariantCulture, $"loss {step.Loss:0.000}"));
                    }
                }
                catch (OperationCanceledException)
                {
                    Save();
                    throw;
                }

                return optimizer.Updates;
            }

            void Save() => run.SaveLast(policy, optimizer, TrainerState.Sft(optimizer.Updates, options, runData.Train.Count));
        });

        bool IsDue(int step) => curveEvery > 0 && (step % curveEvery == 0 || step == total);
    }

    // What is not wrong, but hardly meant.
    private static void Warn(SftOptions options, int total, Terminal terminal)
    {
        if (options.WarmupSteps >= total)
            terminal.Say($"Warning: --warmup {options.WarmupSteps} is as long as the run of {total} update(s), or longer; the learning "
                + "rate never reaches --lr.");
        foreach (IGrouping<int, double> same in options.KeepAt.GroupBy(f => UpdateOf(f, total)).Where(g => g.Count() > 1))
        {
            string fractions = string.Join(", ", same.Select(f => f.ToString(CultureInfo.InvariantCulture)));
            terminal.Say($"Warning: --keep-at {fractions} are all update {same.Key} of {total}, the same model.");
        }
    }

    // The update after which a fraction of the training samples is seen.
    private static int UpdateOf(double fraction, int total) => (int)Math.Ceiling(fraction * total - 1e-9);

    // The largest step there can be: one of the longest demonstrations.
    private static Example[] Longest(IReadOnlyList<Example> demonstrations, SftOptions options)
    {
        int together = options.MicroBatchSize > 0 ? Math.Min(options.MicroBatchSize, options.BatchSize) : options.BatchSize;
        return [.. demonstrations.OrderByDescending(e => e.Positions).Take(together)];
    }

    // What is trained: everything, in float32, or adapters of a base, which a base with adapters has already.
    private static Transformer PolicyOf(TransformerConfig config, Transformer? loaded, LoraOptions? adapters, Device device, ulong seed) =>
        loaded is null ? new Transformer(config, ParameterSource.Random(device, seed))
        : adapters is null || loaded.Lora is not null ? loaded.Clone(trainable: true)
        : loaded.Adapted(adapters, seed);

    private static LoraOptions? Adapters(SftRun asked, Transformer? loaded)
    {
        if (asked.Lora is null && asked.Trainable is not null)
        {
            throw new UsageException("--trainable says what is trained beside adapters; give --lora, too.");
        }
        LoraOptions? adapters = asked.Lora is null ? null : LoraFlag.Parse(asked.Lora, asked.Trainable);
        if (adapters is null) return loaded?.Lora;
        if (loaded is null) throw new UsageException("--lora adapts a base; name it with --base.");
        if (loaded.Lora is { } had)
        {
            return LoraFlag.Same(had, adapters) ? had
                : throw new UsageException("--lora: the base has other adapters; leave the flag out to go on training those, or make a "
                    + "model of them first with merge.");
        }

        UsageException.Check(() => adapters.Validate(loaded.Config));
        return adapters;
    }

    private static int DryRun(
        TransformerConfig config, LoraOptions? adapters, ElementType? origin, IReadOnlyList<Example> demonstrations, SftOptions options,
        bool recompute, Device device, Terminal terminal)
    {
        Example[] longest = Longest(demonstrations, options);
        ElementType frozen = origin ?? ElementType.F32;
        StepMemory memory = StepMemory.OfSft(config, ResponseBatch.OfTurns(longest), recompute, adapters, frozen, device);
        double kept = adapters is null ? frozen.Bytes() * config.ParameterCount : memory.Parameters - memory.Frozen;
        double layout = memory.Sampling;
        string less = recompute ? "with --recompute" : "less with --recompute or --micro-batch";
        string lowered = adapters is null
            ? "less with --lora, from a --base"
            : string.Create(CultureInfo.InvariantCulture, $"of which the base, frozen in {frozen.Name()}, {memory.Frozen / 1e6:0.00}");
        string reads = layout > 0
            ? string.Create(CultureInfo.InvariantCulture,
                $", and on the CPU, from the first sampling on, the weights as sampling reads them, {layout / 1e6:0.00}")
            : "";
        string type = origin is null || adapters is not null ? "" : $" in {frozen.Name()}";
        terminal.Print(string.Create(CultureInfo.InvariantCulture, $"""
            A step of {longest.Length} sequences of at most {longest[0].Positions} tokens needs, in MB:
              parameters   {memory.Parameters / 1e6,10:0.00}   {lowered}
              gradients    {memory.Gradients / 1e6,10:0.00}
              optimizer    {memory.Optimizer / 1e6,10:0.00}
              activations  {memory.Activations / 1e6,10:0.00}   {less}
              together     {memory.Total / 1e6,10:0.00}
            Beside that a run keeps what it starts from, {kept / 1e6:0.00}{type}{reads}.
            """));
        return ExitCode.Done;
    }

    // The settings, with what the command chooses where nothing is given; but for what follows from the data.
    private SftRun Asked(Settings settings)
    {
        bool fromBase = settings.Get(baseModel) is not null;
        if (settings.Get(task) is null == settings.Get(data) is null)
        {
            throw new UsageException(settings.Get(task) is null
                ? "--task or --data is needed: the demonstrations to train on, such as --task reverse,sort or --data demonstrations.jsonl."
                : "--task and --data do not go together; give one of them.");
        }

        if (settings.Get(data) is { } file)
        {
            if (!File.Exists(file)) throw new FileNotFoundException($"--data: there is no file '{Invocation.Shown(file)}'.");
            Refuse(settings, "--data", demonstrations, good);
        }
        else
        {
            Refuse(settings, "--task", heldOut);
            settings.Resolve(demonstrations, settings.Get(demonstrations) ?? (fromBase ? 3000 : 12000));
        }

        verify.Resolve(settings, ownData: settings.Get(data) is not null);
        if (verify.EvalFile(settings, ownData: settings.Get(data) is not null) is not null) Refuse(settings, "--eval-data", heldOut);
        if (settings.Get(steps) is not null && settings.Get(epochs) is not null && settings.OnCommandLine(epochs))
            throw new UsageException("--steps and --epochs do not go together; give one of them.");
        if (settings.Get(steps) is null) settings.Resolve(epochs, settings.Get(epochs) ?? (fromBase ? 1 : 5));
        settings.Resolve(batch, settings.Get(batch) ?? (fromBase ? 32 : 64));
        settings.Resolve(lr, settings.Get(lr) ?? (fromBase ? 3e-4 : 2e-3));
        settings.Resolve(keepAt, settings.Given(keepAt) ? settings.Get(keepAt) : [.1, .5]);
        return RunSettings.Of<SftRun>(settings);
    }

    private static void Refuse(Settings settings, string because, params Option[] flags)
    {
        if (flags.FirstOrDefault(flag => flag is IFlag f && settings.OnCommandLine(f)) is { } flag)
            throw new UsageException($"{flag.Name} does not go with {because}.");
    }
}
