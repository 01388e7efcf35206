using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>advise: whether to run DPR after an SFT run, and with which reference.</summary>
internal sealed class AdviseCommand
{
    private const string Matched = "matched";

    private readonly Command command = new(
        "advise",
        "Say what to do after an SFT run: DPR and with which reference, more SFT, or nothing. It decodes from the extrapolated policies, "
            + "which costs no training.");
    private readonly CommonFlags common;
    private readonly Flag<string?> run = Flags.Path("--run", "folder of the SFT run");
    private readonly Flag<string?> data = Flags.Path("--data",
        "JSONL to decide on, which nothing was trained on [default: what the run held out for validation]", "FILE");
    private readonly JudgeFlag verify = new();
    private readonly Flag<string?> references = Flags.Text(
        "--references",
        "candidates: base, half, fractions that sft kept, or folders [default: base if the run had one, and all fractions that it kept]",
        "NAME,...");
    private readonly Flag<string> alpha = new(
        "--alpha",
        $"α of the extrapolated decoding: a number, or '{Matched}' for the α that dpr's whitening and β come to with each reference",
        CheckAlpha, "1", hasDefault: true)
    { HelpName = "X" };

    private readonly Flag<string> score = Flags.Choice(
        "--score",
        "what to decide by; log-likelihood is for own data without a verifier, and only if its completions are what the model should say",
        ["accuracy", "log-likelihood"], "accuracy");
    private readonly Flag<double> threshold = Flags.Number("--threshold",
        "the gain from which on an action is worth its cost, in accuracy or nats a response", .01);
    private readonly Flag<int?> continuedSteps = Flags.OptionalInt(
        "--continued-steps", "updates of the continued SFT, 0 for none [default: a quarter of the sequences that dpr draws]");
    private readonly Flag<int?> maxTokens = Flags.OptionalInt("--max-tokens",
        "longest response [default: the longest right one and one more]", min: 1);
    private readonly Flag<bool> json = Flags.Switch("--json", "one JSON object: action, reference, expectedGain, policies, command ...",
        saved: false);

    private AdviseCommand() => common = new CommonFlags(
        command, "write the advice to this file instead of standard output", "FILE", "seed of the draws [default: the SFT run's]");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var advise = new AdviseCommand();
        foreach (Option flag in new Option[]
        {
            advise.run, advise.data, advise.references, advise.alpha, advise.score, advise.threshold, advise.continuedSteps,
            advise.maxTokens, advise.json,
        }.Concat(advise.verify.All)) advise.command.Add(flag);
        string[] examples =
        [
            "advise --run runs/better",
            "advise --run runs/better --references base,0.1,half --json",
            "advise --run runs/mine --eval-data gold.jsonl --verify numeric",
            "advise --run runs/mine --data checked.jsonl --score log-likelihood",
            "dpr --run runs/better --reference auto --out runs/dpr",
        ];
        return new CliCommand(advise.command, advise.common, examples, advise.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string sftRun = settings.Required(run);
        SftRun sft = RunAdvice.SftRun(sftRun, "the advisor");
        using Device device = common.Device(settings, terminal.Stop);
        using var loaded = LoadedModel.Named(run.Name, sftRun, device);
        (_, Transformer expert, Vocabulary vocabulary) = loaded;

        // What to decide on: the run's own validation prompts, or another file.
        DataSource source = terminal.Stop.Await(() => sft.SourceAt(sftRun));
        string? file = settings.Get(data);
        if (file is not null && settings.Given(verify.EvalData))
        {
            throw new UsageException("--data and --eval-data do not go together; give one of them.");
        }
        string verifier = verify.Resolve(settings, (file ?? source.File) is not null, sft.Verify);
        JudgeOptions judging = verify.Options(settings, terminal);
        string? evalFile = verify.EvalFile(settings, source.File is not null, source.EvalFile);
        using RunData own = terminal.Stop.Await(() =>
            (source with { Verify = verifier }).Load(vocabulary, TrainedPrompts.Of(expert.Companions), terminal.Say, judging, evalFile));
        using RunData? other = file is null
            ? null
            : terminal.Stop.Await(() =>
                new DataSource(null, file, 1, 0, 1, source.Seed, verifier).Load(vocabulary, say: terminal.Say, judging: judging));
        RunData decided = other ?? own;
        HeldOutPrompts validation = decided.Choices;
        if (validation.Count == 0)
        {
            throw new UsageException("the run holds nothing out (--held-out 0); give the data to decide on with --data or --eval-data.");
        }
        decided.Begin(terminal.Say);
        int trained = TrainedPrompts.Of(expert.Companions).CountOf(validation.Ids);
        if (trained > 0)
        {
            terminal.Say($"Warning: {trained} of {validation.Count} prompts of {Invocation.Shown(file!)} are among those that the model, "
                + "or its base, was trained on.");
        }
        AdviceScore scoredBy = settings.Get(score) == "accuracy" ? AdviceScore.Accuracy : AdviceScore.LogLikelihood;
        if (scoredBy == AdviceScore.LogLikelihood && validation.Examples.Length == 0)
            throw new UsageException("--score log-likelihood goes with own data; built-in tasks know their right answers.");
        if (scoredBy == AdviceScore.LogLikelihood) RunEvaluation.CheckLength(decided, expert.Config);
        else RunEvaluation.NameTooLong(validation, expert.Config, terminal.Say);

        ulong seed = settings.Given(common.Seed) ? settings.Get(common.Seed) : source.Seed;
        var dpr = new DprOptions { Ends = vocabulary.Ends };
        SftOptions continued = RunAdvice.Continued(sft, dpr);
        var options = new AdvisorOptions
        {
            Alpha = settings.Get(alpha) == Matched ? 1 : float.Parse(settings.Get(alpha), CultureInfo.InvariantCulture),
            Match = settings.Get(alpha) == Matched ? dpr : null,
            Threshold = settings.Get(threshold),
            Sampling = new RunEvaluation(decided, vocabulary, seed,
                settings.Get(maxTokens)).Sampling with
            { Seed = NamedSeed.Of("advisor", seed) },
            Continued = settings.Get(continuedSteps) switch { 0 => null, { } steps => continued with { Steps = steps }, _ => continued },
        };
        string[] candidates = settings.Get(references)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            ?? ModelFolder.KeptReferences(sftRun, fromBase: sft.Base is not null);
        if (candidates.Length == 0)
            throw new UsageException($"'{Invocation.Shown(sftRun)}' has no checkpoint that could be a reference; sft keeps those that "
                + "--keep-at names, or name folders with --references.");

        if (candidates.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new UsageException($"--references names '{twice.Key}' twice.");
        }

        string? named = (file ?? source.File) is null ? null : verifier;
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        long begin = Stopwatch.GetTimestamp();
        Advice advice = RunAdvice.Of(sftRun, candidates, expert, vocabulary, own.Train, validation, scoredBy, options, terminal);
        if (settings.Get(json))
        {
            results.Writer.WriteLine(RunAdvice.ToJson(advice, sftRun, named, trained).ToJsonString(RunDirectory.Json));
        }
        else
        {
            RunAdvice.Write(advice, validation.Measured, sftRun, named, results.Writer, terminal, withCommand: true, trained);
            string notes = RunAdvice.Notes(advice, sftRun, ownHeldOut: source.File is not null && file is null);
            terminal.Say($"Took {Progress.Duration(Stopwatch.GetElapsedTime(begin).TotalSeconds)}.{notes}");
        }

        results.Keep();
        return ExitCode.Done;
    }

    private static string CheckAlpha(string text) =>
        text == Matched
            || (float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && value > 0
                && float.IsFinite(value))
            ? text
            : throw new UsageException($"'{text}' is neither a number above 0 nor '{Matched}'.");
}
