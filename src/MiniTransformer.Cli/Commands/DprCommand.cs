using System.CommandLine;
using System.Globalization;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>dpr: Dense-Path REINFORCE from an SFT run, with the reward that SFT has learned.</summary>
internal sealed class DprCommand
{
    private const string Auto = "auto";

    // Returns of so few nats, some times the least that is divided by, are hardly a reward.
    private const double AllButNothing = 10 * Returns.SmallestRms;

    private readonly Command command = new("dpr", "Improve an SFT run's policy with its recovered dense reward (Dense-Path REINFORCE).");
    private readonly CommonFlags common;
    private readonly Flag<string?> run = Flags.Path("--run", "folder of the SFT run", isInput: true);
    private readonly Flag<bool> resume = Flags.Switch("--resume", "continue the run in --out from its last checkpoint, bit for bit",
        saved: false);
    private readonly Flag<int> updates = Flags.Int(
        "--updates", "updates of the policy; a resumed run may have more than it began with", 50, min: 1, mayChange: true);
    private readonly Flag<string?> reference = Flags.Text(
        "--reference",
        "π_ref: base, half, a fraction that sft kept such as 0.1, or a folder; several, separated by commas, count by their mean "
            + "probability; or auto, " +
        "to let the advisor choose one [default: base if the SFT run had one, else half]", "NAME|DIR,...");
    private readonly Flag<string> reward = Flags.Choice("--reward", "the reward", ["baseline-relative", "log-policy"], "baseline-relative");
    private readonly Flag<double> floor = Flags.Number(
        "--floor", "δ of log((π_SFT + δ) / (π_ref + δ)); 0 is the plain r̂, 0.1 is what worked best", 0, max: 1);
    private readonly Flag<bool> centred = Flags.Switch("--centred", "subtract the state's mean of r̂ under π_SFT");
    private readonly Flag<double> clip = Flags.Number("--clip",
        "cut the reward of a token off at −X and X nats, after floor and centring; 0 does not clip", 0);
    private readonly Flag<double> gamma = Flags.Number("--gamma", "discount of the return-to-go", 1, max: 1);
    private readonly Flag<bool> sentenceLevel = Flags.Switch("--sentence-level", "every token gets the whole response's reward");
    private readonly Flag<bool> noBaseline = Flags.Switch("--no-baseline", "do not subtract the batch's mean return at the position");
    private readonly Flag<bool> noWhiten = Flags.Switch("--no-whiten", "do not divide advantages by their root mean square");
    private readonly Flag<double> beta = Flags.Number("--beta", "weight of the KL to π_SFT", 1);
    private readonly Flag<double> betaRef = Flags.Number("--beta-ref", "weight of a second KL, the exact one to π_ref", 0);
    private readonly Flag<string> kl = Flags.Choice(
        "--kl", "form of the KL: as a loss over the whole vocabulary, as the estimator k3, or k1 in the reward", ["exact", "k3", "k1"],
        "exact");
    private readonly Flag<double> entropyBonus = Flags.Number("--entropy-bonus", "weight of an entropy bonus", 0);
    private readonly Flag<int> promptsPerUpdate = Flags.Int("--prompts-per-update", "prompts of an update, one response each", 192, min: 1);
    private readonly Flag<int> microBatch = Flags.Int(
        "--micro-batch",
        "sequences computed together, forward and backward, 0 for all of an update; less memory, the same gradient but for rounding", 0);
    private readonly Flag<bool> dryRun = Flags.Switch("--dry-run",
        "train nothing; print the memory that an update will need, if responses become as long as they may", saved: false);
    private readonly Flag<double> lr = Flags.Number("--lr", "learning rate, constant after the warm-up", 5e-4, open: true);
    private readonly Flag<int> warmup = Flags.Int("--warmup", "updates of linear warm-up", 10);
    private readonly Flag<double> maxGradNorm = Flags.Number("--max-grad-norm", "clip the gradient's norm to this; 0 does not clip", 1);
    private readonly Flag<double> temperature = Flags.Number("--temperature", "temperature of the sampling; 1 is on-policy", 1, open: true);
    private readonly Flag<int?> maxTokens = Flags.OptionalInt(
        "--max-tokens", "longest response [default: the longest demonstrated one and one more]", min: 1);
    private readonly Flag<double> collapseKl = Flags.Number("--collapse-kl", "stop if a response is this many nats away from π_SFT", 30,
        open: true);
    private readonly Flag<string?> prompts = Flags.Path("--prompts", "JSONL of prompts to answer instead of the SFT run's", "FILE",
        isInput: true);
    private readonly JudgeFlag verify = new();
    private readonly Flag<int?> checkpointEvery = Flags.OptionalInt(
        "--checkpoint-every", "updates between checkpoints to resume from [default: a tenth of the updates]", min: 1, mayChange: true);
    private readonly Flag<int?> evaluateEvery = Flags.OptionalInt(
        "--evaluate-every", "updates between points of the accuracy curve, 0 for none [default: a tenth of the updates]", mayChange: true);
    private readonly Flag<string?> saveType = TypeFlag.Create();

    private DprCommand() =>
        common = new CommonFlags(command, "folder of the run, a new one", seedDescription: "seed of the order of the prompts and of the "
            + "draws [default: the SFT run's]");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var dpr = new DprCommand();
        foreach (Option flag in new Option[]
        {
            dpr.run, dpr.resume, dpr.updates, dpr.reference, dpr.reward, dpr.floor, dpr.centred, dpr.clip, dpr.gamma, dpr.sentenceLevel,
            dpr.noBaseline, dpr.noWhiten, dpr.beta,
            dpr.betaRef, dpr.kl, dpr.entropyBonus, dpr.promptsPerUpdate, dpr.microBatch, dpr.dryRun, dpr.lr, dpr.warmup, dpr.maxGradNorm,
            dpr.temperature, dpr.maxTokens, dpr.collapseKl, dpr.prompts,
            dpr.checkpointEvery, dpr.evaluateEvery, dpr.saveType,
        }.Concat(dpr.verify.All)) dpr.command.Add(flag);
        string[] examples =
        [
            "dpr --run runs/better --updates 50 --out runs/dpr",
            "dpr --run runs/better --reference base --floor 0.1 --updates 50 --out runs/dpr-floor",
            "dpr --run runs/better --reference auto --out runs/dpr-auto",
            "dpr --run runs/better --reference half --out runs/dpr-half",
            "dpr --run runs/better --reference base,0.1 --beta 0.5 --beta-ref 0.5 --out runs/dpr-dual",
            "dpr --out runs/dpr --updates 100 --resume",
        ];
        return new CliCommand(dpr.command, dpr.common, examples, dpr.Run) { Resume = dpr.resume };
    }

    private int Run(Settings settings, Terminal terminal)
    {
        bool measuring = settings.Get(dryRun), resuming = settings.Get(resume);
        string path = measuring ? "" : settings.Required(common.Out);
        if (!measuring) TrainingRun.CheckFree(path, resuming, canBegin: settings.Get(run) is not null);
        DprRun? began = resuming && RunDirectory.Exists(path) ? RunSettings.Read<DprRun>(path) : null;
        if (began is not null)
        {
            terminal.Stop.Await(() => RunInput.TakeUp(settings, run, began.RunInput, (began.Folder, path)));
            terminal.Stop.Await(() => RunInput.TakeUp(settings, prompts, began.PromptsInput, (began.Folder, path)));
            terminal.Stop.Await(() => RunInput.TakeUp(settings, verify.EvalData, began.EvalInput, (began.Folder, path)));
            if (began.Reference is not null)
            {
                settings.Resolve(reference, terminal.Stop.Await(() => began.ReferenceAt(path, settings.Required(run))));
            }
        }

        string sftRun = settings.Required(run);
        SftRun sft = RunAdvice.SftRun(sftRun, "DPR");
        using Device device = common.Device(settings, terminal.Stop);

        // π_SFT, π_ref, and the data of the SFT run.
        string expertFolder = ModelFolder.Named(run.Name, sftRun);
        string[] named = settings.Get(reference) == Auto ? [expertFolder] : ModelFolder.References(sftRun, ReferenceOf(settings, sft));
        bool blank = measuring && settings.Get(reference) != Auto; // sizes alone are asked for
        if (!blank) TrainingMemory.RequireDpr(expertFolder, named, device);
        using LoadedModel loaded = Load(expertFolder);
        (_, Transformer expert, Vocabulary vocabulary) = loaded;
        if (began?.Sft.DataSha256 is { } known && known != sft.DataSha256)
            throw new InvalidDataException($"'{Invocation.Shown(sftRun)}' was trained on other data than when this run began; put the old "
                + "run back, or start another one.");
        DataSource source = terminal.Stop.Await(() => sft.SourceAt(sftRun));
        source = source with { Verify = verify.Resolve(settings, source.File is not null, sft.Verify) };
        string? evalFile = verify.EvalFile(settings, source.File is not null, source.EvalFile);
        if (evalFile is not null) terminal.Stop.Await(() => DataSource.RequireFile("--eval-data", evalFile));
        Prompt[]? given = settings.Get(prompts) is { } file
            ? terminal.Stop.Await(() => DataSource.ReadPrompts("--prompts", file, vocabulary, terminal.Say))
            : null;

        // What is trained on now is no more held out than what was; right answers (--eval-data) are the other way round: they are not
        // trained on.
        TrainedPrompts trained = TrainedPrompts.Of(expert.Companions)
            .With(evalFile is null && given is not null ? given.Select(p => p.Ids) : []);
        using RunData data = terminal.Stop.Await(() =>
            source.Load(vocabulary, trained, terminal.Say, verify.Options(settings, terminal), evalFile,
                given is null ? "" : " or that --prompts has"));
        IReadOnlyList<Prompt> asked = given ?? data.Prompts;
        if (evalFile is not null) asked = data.NeverTrained(asked, terminal.Say);
        data.Begin(terminal.Say);
        DprOptions options = Options(settings, vocabulary, data, sft.Seed);
        Advice? advice = null;
        if (settings.Get(reference) == Auto)
        {
            advice = Ask(settings, sftRun, sft, expert, vocabulary, data, options, terminal);
            if (advice.Action != AdviceAction.RunDpr)
            {
                terminal.Say("Nothing was trained, as --reference auto asks where the advisor expects no gain of DPR. To run it all the "
                    + "same, name a reference, such as --reference base.");
                return ExitCode.Done;
            }
        }

        string referenceName = settings.Resolve(reference, advice?.Reference ?? ReferenceOf(settings, sft))!;
        Transformer[] others = [.. ModelFolder.References(sftRun, referenceName).Select(folder => Load(folder).Model)];
        var dense = UsageException.Check(() => new DenseReward(expert, others, RunSettings.Of<DprRun>(settings).RewardOptions));
        if (!blank) RefuseSame(expert, referenceName, others, dense.Options.Kind, terminal);
        asked = PromptRoom.Answerable(asked, dense.MaxPositions, terminal.Say);
        if (measuring) return DryRun(expert, others, asked, options, terminal);
        int every = settings.Resolve(checkpointEvery, settings.Get(checkpointEvery) ?? Math.Max(1, options.Updates / 10))!.Value;
        int curveEvery = settings.Resolve(evaluateEvery, settings.Get(evaluateEvery) ?? Math.Max(1, options.Updates / 10))!.Value;

        DprRun effective = RunSettings.Of<DprRun>(settings) with
        {
            Sft = sft,
            EvalDataSha256 = evalFile is null ? null : terminal.Stop.Await(() => Checksums.OfFile(evalFile)),
            Advice = advice is not null ? RunAdvice.ToJson(advice, sftRun, settings.Get(verify.Flag))
                : began?.Advice,
            RunSha256 = terminal.Stop.Await(() => RunInput.HashOf(sftRun, isModel: true)),
            ReferenceSha256 = terminal.Stop.Await<string[]>(() =>
                [.. ModelFolder.References(sftRun, referenceName).Select(folder => RunInput.HashOf(folder, isModel: true))]),
            PromptsSha256 = settings.Get(prompts) is { } answered
                ? terminal.Stop.Await(() => RunInput.HashOf(answered, isModel: false))
                : null,
        };
        TrainingMemory.WarnDpr(expert, others, asked, options, device, terminal.Say);
        if (options.WarmupUpdates > options.Updates)
            terminal.Say($"Warning: --warmup {options.WarmupUpdates} is longer than the run of {options.Updates} update(s); the learning "
                + "rate never reaches --lr.");
        using TrainingRun training = TrainingRun.Open(path, resuming, effective, terminal, vocabulary);
        int[][] ids = [.. asked.Select(p => p.Ids)];
        return training.Work("dpr", options.Updates, verify.Again(settings), () =>
        {
            using Transformer policy = expert.Clone(trainable: true);
            policy.Companions = TrainedPrompts.Of(policy.Companions).With(ids).AddTo(policy.Companions);
            using var optimizer = new AdamW(policy.Parameters, options.Optimizer);
            int done = resuming ? training.TakeUp(policy, optimizer, updates =>
                TrainerState.Dpr(updates, options, asked.Count), options.Updates) : 0;
            terminal.Say($"DPR: {options.Updates} updates of {options.PromptsPerUpdate} prompts, reference "
                + $"{referenceName}{(advice is null ? "" : ", chosen by the advisor")}, on {device.Name}.");
            if (done >= options.Updates) terminal.Say("All updates are done.");
            var evaluation = new RunEvaluation(data, vocabulary, source.Seed, options.MaxTokens);
            Progress.Show(terminal, open => Train(open("DPR", options.Updates, done)));

            training.Keep(ModelFolder.Final, policy);
            IEnumerable<(string, Transformer)> references = ModelFolder.ReferenceNames(referenceName)
                .Zip(others, (name, model) => ($"reference ({Shown(name)})", model));
            RunReport.Write(training.Folder, evaluation, effective, new DenseReward(expert, others),
                [.. references, ("SFT", expert), ("DPR", policy)], terminal, "DPR");

            // Updates, checkpoints and points of the curve; what a measurement could lose is saved before it.
            int Train(ITrack track)
            {
                try
                {
                    if (IsDue(done) && training.LacksPoint(done)) evaluation.Point(policy, "dpr", done, training.Folder.Metrics, track);
                    bool warned = false;
                    foreach (DprStep step in DensePathReinforce.Train(policy, dense, ids, options, optimizer))
                    {
                        if (!warned && step.AdvantageRms is { } rms && rms < AllButNothing)
                        {
                            warned = true;
                            terminal.Say(Warning(rms, step.Step, referenceName, options, ids.Length));
                        }

                        training.Folder.Metrics.Append(step);
                        if (step.Step % every == 0 || step.Step == options.Updates || IsDue(step.Step)) Save();
                        if (IsDue(step.Step)) evaluation.Point(policy, "dpr", step.Step, training.Folder.Metrics, track);
                        track.Report(step.Step,
                            string.Create(CultureInfo.InvariantCulture,
                                $"reward {step.Reward:0.00}, KL {step.Kl:0.00}, length {step.Length:0.0}"));
                    }
                }
                catch (OperationCanceledException)
                {
                    Save();
                    throw;
                }
                catch (PolicyCollapseException)
                {
                    string last = training.Folder.CheckpointPath(ModelFolder.Last);
                    if (Checkpoint.IsModel(last))
                    {
                        terminal.Say($"The policy as it was after update {TrainerState.Load(last).Updates} is in "
                            + $"{Invocation.Shown(last)}.");
                    }
                    throw;
                }

                return optimizer.Updates;
            }

            void Save() => training.SaveLast(policy, optimizer, TrainerState.Dpr(optimizer.Updates, options, ids.Length));
        });

        LoadedModel Load(string folder) => blank ? LoadedModel.Blank(folder, device) : LoadedModel.Open(folder, device);

        bool IsDue(int step) => curveEvery > 0 && (step % curveEvery == 0 || step == options.Updates);
    }

    private static int DryRun(Transformer expert, Transformer[] references, IReadOnlyList<Prompt> prompts, DprOptions options,
        Terminal terminal)
    {
        int[][] longest = TrainingMemory.Longest(prompts, options);
        StepMemory memory = StepMemory.OfDpr(expert, references, longest, options);
        const string less = "less with --micro-batch, --max-tokens or --prompts-per-update";
        terminal.Print(string.Create(CultureInfo.InvariantCulture, $"""
            An update of {longest.Length} responses of {options.MaxTokens} tokens to prompts of at most {longest[0].Length} needs, in MB:
              parameters   {memory.Parameters / 1e6,10:0.00}   π_θ, π_SFT and {references.Length} reference(s)
              gradients    {memory.Gradients / 1e6,10:0.00}
              optimizer    {memory.Optimizer / 1e6,10:0.00}
              activations  {memory.Activations / 1e6,10:0.00}   the cache, hidden rows and a chunk of logits among them; {less}
              together     {memory.Total / 1e6,10:0.00}
            Beside that the CPU keeps, from the first sampling on, {memory.Sampling / 1e6:0.00} of weights as sampling reads them.
            """));
        return ExitCode.Done;
    }

    private static string Warning(double rms, int update, string reference, DprOptions options, int prompts)
    {
        string nats = rms.ToString("0.######", CultureInfo.InvariantCulture);
        string found = $"Warning: the reward is all but nothing: its returns have a root mean square of {nats} nats at update {update}. ";
        return Math.Min(options.PromptsPerUpdate, prompts) == 1 && options.Baseline == Baseline.PositionMean
            ? $"{found}An update has one response, and a return minus the mean of its own position is 0: take more --prompts-per-update, "
                + "or --no-baseline."
            : $"{found}The reference {reference} is all but π_SFT itself, and dividing by so little makes much of small differences; the "
                + $"least that is divided by is {Returns.SmallestRms.ToString(CultureInfo.InvariantCulture)}. "
                + "Take an earlier reference, such as base or 0.1.";
    }

    // r̂ against π_SFT's own weights is 0 everywhere: there would be nothing to reinforce but rounding.
    private static void RefuseSame(Transformer expert, string reference, Transformer[] others, RewardKind kind, Terminal terminal)
    {
        if (kind != RewardKind.BaselineRelative) return;
        string[] same = [.. ModelFolder.ReferenceNames(reference).Zip(others).Where(r => r.Second.HasWeightsOf(expert))
            .Select(r => r.First)];
        if (same.Length == 0) return;
        string what = $"the reference {string.Join(" and ", same)} has the weights of π_SFT itself, to the bit";
        if (same.Length == others.Length)
            throw new UsageException($"--reference: {what}: r̂ = log π_SFT − log π_ref is 0 for every token, and there is nothing to "
                + "reinforce. Name an earlier checkpoint.");
        terminal.Say($"Warning: {what}; it only brings the mean of the references nearer to π_SFT.");
    }

    // --reference auto: the advisor, with this run's budget, on the prompts for choices.
    private Advice Ask(
        Settings settings, string sftRun, SftRun sft, Transformer expert, Vocabulary vocabulary, RunData data, DprOptions options,
        Terminal terminal)
    {
        string[] candidates = ModelFolder.KeptReferences(sftRun, fromBase: sft.Base is not null);
        if (data.Choices.Count == 0)
        {
            throw new UsageException("--reference auto: the run holds nothing out to decide on (--held-out 0); name a reference.");
        }
        if (candidates.Length == 0)
        {
            throw new UsageException($"--reference auto: '{Invocation.Shown(sftRun)}' has no checkpoint that could be a reference; sft "
                + "keeps those that --keep-at names.");
        }
        var advisor = new AdvisorOptions
        {
            Sampling = new RunEvaluation(data, vocabulary, options.Seed,
                options.MaxTokens).Sampling with
            { Seed = NamedSeed.Of("advisor", options.Seed) },
            Continued = RunAdvice.Continued(sft, options),
        };
        Advice advice = RunAdvice.Of(sftRun, candidates, expert, vocabulary, data.Train, data.Choices, AdviceScore.Accuracy, advisor,
            terminal);
        RunAdvice.Write(
            advice, data.Choices.Measured, sftRun, settings.Get(verify.Flag), terminal.Out, terminal,
            withCommand: advice.Action != AdviceAction.RunDpr);
        return advice;
    }

    private string ReferenceOf(Settings settings, SftRun sft) => settings.Get(reference) switch
    {
        null => sft.Base is null ? "half" : "base",
        { } text =>
            string.Join(',', ModelFolder.ReferenceNames(text).Select(name => Directory.Exists(name) ? Path.GetFullPath(name) : name)),
    };

    // A folder by its last part.
    private static string Shown(string reference) => Path.GetFileName(Path.TrimEndingDirectorySeparator(reference));

    private DprOptions Options(Settings settings, Vocabulary vocabulary, RunData data, ulong sftSeed)
    {
        int most = settings.Resolve(maxTokens, settings.Get(maxTokens) ?? data.ResponseRoom)!.Value;
        settings.Resolve(common.Seed, settings.Given(common.Seed) ? settings.Get(common.Seed) : sftSeed);
        DprOptions options = RunSettings.Of<DprRun>(settings).Options(most, vocabulary);
        UsageException.Check(options.Validate);
        if (options.ReferenceBeta > 0 && settings.Get(reward) == "log-policy")
            throw new UsageException("--beta-ref does not go with --reward log-policy, which has no reference to be near to.");
        return options;
    }
}
