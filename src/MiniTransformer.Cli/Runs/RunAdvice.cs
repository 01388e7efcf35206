using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>The advisor on an SFT run: what it tries, and how what it found is said.</summary>
internal static class RunAdvice
{
    /// <summary>How the half-width of a log-likelihood follows from its standard error: the normal 97.5% quantile.</summary>
    private const double HalfWidth = 1.96;

    /// <summary>Evaluates the references and a continued SFT of a run.</summary>
    /// <param name="sftRun">The SFT run's folder.</param>
    /// <param name="references">The candidates, as --reference names them.</param>
    /// <param name="expert">π_SFT.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="demonstrations">What continued SFT goes on with.</param>
    /// <param name="validation">The prompts, or demonstrations, to decide on.</param>
    /// <param name="scoredBy">What policies are scored by.</param>
    /// <param name="options">The advisor's settings.</param>
    /// <param name="terminal">Where progress is shown.</param>
    public static Advice Of(
        string sftRun, IReadOnlyList<string> references, Transformer expert, Vocabulary vocabulary, IReadOnlyList<Example> demonstrations,
        HeldOutPrompts validation,
        AdviceScore scoredBy, AdvisorOptions options, Terminal terminal)
    {
        var candidates = new List<(string Name, Transformer Model)>();
        var rows = new List<AdvisedPolicy>();
        int policies = references.Count + 1 + (options.Continued is null ? 0 : 1);
        try
        {
            foreach (string name in references)
            {
                candidates.Add((name, LoadedModel.Open(ModelFolder.Reference(sftRun, name), expert.Device).Model));
            }
            Progress.Show(terminal, open =>
            {
                ITrack track = open("advise", policies, 0);
                AdvisorOptions shown = options with
                {
                    Sampling = new Measuring(track, () => rows.Count, "the next policy")
                    .Shown(options.Sampling)
                };
                IEnumerable<AdvisedPolicy> measured = scoredBy == AdviceScore.Accuracy
                    ? Advisor.ByAccuracy(expert, candidates, validation.Ids, validation.Judge, vocabulary.Ends, demonstrations, shown)
                    : Advisor.ByLikelihood(expert, candidates, validation.Examples, vocabulary.Ends, demonstrations, shown);
                foreach (AdvisedPolicy row in measured)
                {
                    rows.Add(row);
                    track.Report(rows.Count, row.Name);
                }

                return true;
            });
            return Advisor.Decide(rows, scoredBy, validation.Count, options) with { Counted = validation.Counted };
        }
        catch (OperationCanceledException) when (rows.Count > 0)
        {
            terminal.Say(Table(Advisor.Decide(rows, scoredBy, validation.Count, options), validation.Measured).ToMarkdown());
            throw new Interruption($"Interrupted: {rows.Count} of {policies} policies are measured, so that there is no advice; the same "
                + "command begins again.");
        }
        finally
        {
            foreach ((_, Transformer model) in candidates) model.Dispose();
        }
    }

    /// <summary>
    /// Continued SFT under the settings and the seed that the run was trained with, for a quarter of the sequences that DPR would draw:
    /// update for update what the recommended command does.
    /// </summary>
    /// <param name="sft">The SFT run's settings.</param>
    /// <param name="dpr">DPR's budget.</param>
    public static SftOptions Continued(SftRun sft, DprOptions dpr)
    {
        SftOptions options = sft.Options();
        return AdvisorOptions.ContinuedFor(options, dpr) with { Seed = options.Seed };
    }

    /// <summary>The settings of an SFT run.</summary>
    /// <exception cref="UsageException">The folder holds no SFT run.</exception>
    public static SftRun SftRun(string folder, string who)
    {
        if (!RunDirectory.Exists(folder))
            throw new UsageException($"--run: '{Invocation.Shown(folder)}' holds no run; the folder of an SFT run is needed, the one that "
                + $"sft was given as --out.{(Directory.Exists(folder) ? "" : ModelFolder.Neighbour(folder))}");
        return RunSettings.CommandOf(folder) is var command && command == "sft"
            ? RunSettings.Read<SftRun>(folder)
            : throw new UsageException($"--run: '{Invocation.Shown(folder)}' is a run of '{command}'; {who} starts from an SFT run.");
    }

    /// <summary>The advice for machines: its fields, the recommendation, and the next command.</summary>
    public static JsonObject ToJson(Advice advice, string sftRun, string? verify, int trained = 0)
    {
        JsonObject json = JsonSerializer.SerializeToNode(advice, RunDirectory.Json)!.AsObject();
        json["trainedPrompts"] = trained;
        (json["recommendation"], json["nextCommand"]) = Recommend(advice, sftRun, verify);
        return json;
    }

    /// <summary>Table and recommendation.</summary>
    public static void Write(Advice advice, string measured, string sftRun, string? verify, TextWriter output, Terminal terminal,
        bool withCommand, int trained = 0)
    {
        ReportTable table = Table(advice, measured, trained);
        if (ReferenceEquals(output, terminal.Out)) terminal.Print(table);
        else output.WriteLine(table.ToMarkdown());
        (string sentence, string? next) = Recommend(advice, sftRun, verify);
        output.WriteLine();
        output.WriteLine(sentence);
        if (withCommand && next is not null) output.WriteLine($"  {next}");
    }

    /// <summary>What else to know.</summary>
    public static string Notes(Advice advice, string sftRun, bool ownHeldOut)
    {
        var notes = new List<string>();
        if (advice.ScoredBy == AdviceScore.Accuracy && advice.Policies.All(p => p.Score == 0))
            notes.Add("No greedy response of any policy is right, so that this says nothing: train SFT for longer, or, with data of your "
                + "own, give a --verify that fits them or decide by --score log-likelihood.");
        if (advice.ScoredBy == AdviceScore.Accuracy && advice.Counted != "accuracy") notes.Add(PolicyTable.Agreement);
        if (ownHeldOut)
            notes.Add("These prompts are also those that eval reports on; decide on others, with --data, where the final number has to be "
                + "unbiased.");
        notes.Add($"The run kept {string.Join(", ", ModelFolder.KeptReferences(sftRun, fromBase: true))}; sft --keep-at 0.05,0.1,0.25,0.5 "
            + "would keep more candidates.");
        return "\n" + string.Join("\n", notes);
    }

    /// <summary>The rows as a table.</summary>
    public static ReportTable Table(Advice advice, string measured, int trained = 0)
    {
        bool accuracy = advice.ScoredBy == AdviceScore.Accuracy;
        string[] headers = accuracy
            ? ["policy", "greedy", "sampled", "gain, greedy", "95% interval", "gain, sampled"]
            : ["policy", "log π a response", "gain", "95% interval"];
        return new ReportTable(
            accuracy ? $"{measured} on {advice.Cases} validation prompts" : $"Log-likelihood of {advice.Cases} validation demonstrations",
            headers,
            [.. advice.Policies.Select(row => (IReadOnlyList<ReportCell>)(accuracy
                ?
                [
                    Shown(row, advice), Numbers.Fraction(row.Score), Numbers.Fraction(row.Sampled!.Value), Gain(row, row.Gain),
                    Range(row, advice),
                    Gain(row, row.SampledGain!.Value),
                ]
                : [Shown(row, advice), Numbers.Decimal(row.Score),
                    row.Kind == AdvisedKind.Sft ? Numbers.None : Numbers.SignedDecimal(row.Gain), Range(row, advice)]))],
            (accuracy
                ? "Extrapolated decoding from π_SFT (π_SFT/π_ref)^α forecasts DPR with that reference. Intervals are McNemar's, paired "
                    + "over the prompts, one run: they leave out what another seed would change."
                : "In nats. It rewards imitation of these demonstrations, faults included: trust it only if they are what the model should "
                    + "say.")
            + (trained > 0 ? $" The model, or its base, was trained on {trained} of these prompts." : ""));
    }

    /// <summary>The recommendation in plain words, and the command to run next (null for stopping).</summary>
    /// <param name="advice">The advice.</param>
    /// <param name="sftRun">The SFT run's folder.</param>
    /// <param name="verify">The verifier of own data, which the command names where it is not the default; null for tasks.</param>
    public static (string Sentence, string? Command) Recommend(Advice advice, string sftRun, string? verify)
    {
        string[] verified = verify is null or JudgeFlag.Default ? [] : ["--verify", verify];
        AdvisedPolicy chosen = advice.Chosen;
        string run = Invocation.Shown(sftRun),
            unit = advice.ScoredBy == AdviceScore.Accuracy ? $"greedy {advice.Counted}" : "nats a response";
        string cases = advice.ScoredBy == AdviceScore.Accuracy ? $"{advice.Cases} prompts" : $"{advice.Cases} demonstrations";
        (string open, string close) = IntervalOf(chosen, advice).ExcludesZero
            ? ("", "")
            : ($"No difference that {cases} can show; if anything: ",
                " The interval includes zero: decide on more, or take it for a guess.");
        string continued = advice.Continued is { } row && advice.Action == AdviceAction.RunDpr
            ? $"; {row.Name} for {advice.ContinuedSteps} updates brought {Signed(row.Gain, advice)}"
            : "";
        return advice.Action switch
        {
            AdviceAction.RunDpr => (
                $"{open}{(open.Length == 0 ? "Run" : "run")} DPR with {advice.Reference} as reference: expect about "
                    + $"{Signed(advice.ExpectedGain, advice)} {unit} over SFT{continued}.{close}",
                Invocation.Of(["dpr", "--run", run, "--reference", advice.Reference!, .. verified, "--out", run + "-dpr"])),
            AdviceAction.ContinueSft => (
                $"{open}{(open.Length == 0 ? "Continue" : "continue")} SFT rather than run DPR: {advice.ContinuedSteps} more updates "
                    + $"brought {Signed(advice.ExpectedGain, advice)} {unit}; {BestReference(advice)}.{close}",
                Invocation.Of(
                    ["sft", "--config", Path.Combine(run, "run.json"), "--base", run, "--steps",
                        advice.ContinuedSteps.ToString(CultureInfo.InvariantCulture),
                    .. verified, "--out", run + "-continued"])),
            _ =>
                ($"Stop here: {BestReference(advice)}{(advice.Continued is { } c ? $", and continued SFT {Signed(c.Gain, advice)}" : "")}; "
                    + "" +
                $"neither is more than {Signed(advice.Threshold, advice)} {unit}.", null),
        };
    }

    private static string BestReference(Advice advice) => advice.Candidates.MaxBy(c => c.Gain) is { } best
        ? $"the best reference, {best.Name}, promises {Signed(best.Gain, advice)}"
        : "there is no reference to try";

    private static string Shown(AdvisedPolicy row, Advice advice) => row.Kind switch
    {
        AdvisedKind.Reference =>
            "extrapolated from "
                + $"{row.Name}{(row.Alpha == 1 ? "" : $", α = {row.Alpha!.Value.ToString("0.##", CultureInfo.InvariantCulture)}")}",
        AdvisedKind.ContinuedSft => $"{row.Name}, {advice.ContinuedSteps} updates",
        _ => row.Name,
    };

    private static string Gain(AdvisedPolicy row, double gain) => row.Kind == AdvisedKind.Sft ? Numbers.None : Numbers.SignedFraction(gain);

    // Of prompts that are right or wrong McNemar's exact interval; of log-likelihoods the normal one.
    private static Interval IntervalOf(AdvisedPolicy row, Advice advice)
    {
        if (row.Kind == AdvisedKind.Sft) return Interval.Unavailable;
        return advice.ScoredBy == AdviceScore.Accuracy
            ? new PairedGain(advice.Cases, row.Won, row.Lost).Interval
            : new Interval(row.Gain - HalfWidth * row.StandardError, row.Gain + HalfWidth * row.StandardError);
    }

    private static string Range(AdvisedPolicy row, Advice advice) =>
        IntervalOf(row, advice) is { IsAvailable: true } interval ? Numbers.SignedRange(interval) : Numbers.None;

    private static string Signed(double gain, Advice advice) =>
        advice.ScoredBy == AdviceScore.Accuracy ? Numbers.SignedFraction(gain) : Numbers.SignedDecimal(gain);
}
