using System.CommandLine;
using System.Globalization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a comparison compares in: built-in regimes, and a regime for each file of the user's own.</summary>
internal sealed class CompareSource
{
    // With fewer evaluation prompts than this the user is told how coarse an accuracy is.
    private const int FewPrompts = 100;

    // What --regimes says where there are own data only.
    private const string None = "none";

    private static readonly string[] Quick = ["base-to-better", "lazyshift"];

    private readonly Flag<string> regimes = Flags.Words(
        "--regimes", $"the built-in regimes, separated by commas, or all, or {None}, which is the default with --data",
        [.. Regimes.All.Select(r => r.Name), None], "all");
    private readonly Flag<string[]?> data = Flags.Paths(
        "--data",
        "a regime of your own: demonstrations in JSONL, {\"prompt\",\"completion\"} or {\"messages\"} a line; give it again for further "
            + "files, each of which is a regime", "FILE");
    private readonly JudgeFlag verify = new();
    private readonly Flag<string?> baseModel = Flags.Path(
        "--base",
        "data: SFT starts from this model's folder, or from a run's final checkpoint, which is the main reference too; without it SFT "
            + "starts from random weights", isInput: true);
    private readonly Flag<double> validation = Flags.Number("--validation", "data: share of the prompts that settings are chosen on", .1,
        max: .9, open: true);
    private readonly Flag<double> heldOut = Flags.Number(
        "--held-out", "data: share of the prompts that is held out for evaluation. --seed draws the split; it is the same in every seed",
        .1, max: .9, open: true);
    private readonly Flag<bool> inOrder = Flags.Switch(
        "--in-order",
        "data: SFT takes the demonstrations in their order, for data that improves over time; continued SFT is also run on the second half "
            + "alone");

    private readonly Flag<ulong> seed;

    /// <summary>The flags; the seed is the command's own.</summary>
    public CompareSource(Flag<ulong> seed) => this.seed = seed;

    /// <summary>The flags.</summary>
    public Option[] All => [regimes, data, .. verify.All, baseModel, validation, heldOut, inOrder];

    /// <summary>The regimes of --quick, for its description.</summary>
    public static string QuickNames => string.Join(" and ", Quick);

    /// <summary>The regimes.</summary>
    /// <param name="settings">The command line.</param>
    /// <param name="quick">Whether only some of the built-in regimes are run where none are named.</param>
    /// <param name="verifier">What <see cref="Judge"/> gave.</param>
    /// <param name="say">Is told which columns of own data are not read.</param>
    /// <exception cref="DataException">A file has a line that cannot be used, or too few prompts.</exception>
    public Regime[] Chosen(Settings settings, bool quick, IJudge? verifier, Action<string> say)
    {
        string[] files = Files(settings);
        if (!settings.Given(regimes)) settings.Resolve(regimes, files.Length > 0 ? None : quick ? string.Join(',', Quick) : "all");
        Regime[] builtIn = settings.Get(regimes) switch
        {
            "all" => [.. Regimes.All],
            None => [],
            var names => [.. names.Split(',', StringSplitOptions.TrimEntries).Where(name => name != None).Select(Regimes.Named)],
        };
        string[] twice = [.. builtIn.Select(r => r.Name).Concat(files.Select(NameOf)).GroupBy(n => n, StringComparer.OrdinalIgnoreCase)
            .Where(g => g.Count() > 1).Select(g => g.Key)];
        if (twice.Length > 0)
        {
            throw new UsageException($"two regimes would be called '{twice[0]}'; name each one once, and rename a file that is called like "
                + "another regime.");
        }
        return [.. builtIn, .. files.Length == 0 ? [] : Own(settings, files, verifier!, say)];
    }

    /// <summary>The verifier of own data; null where there are none.</summary>
    /// <param name="settings">The command line.</param>
    /// <param name="judges">Whether anything will be judged; else a command is not started, and may be one out of a file.</param>
    /// <param name="terminal">Hears of responses that cannot be judged.</param>
    /// <exception cref="UsageException">A flag is missing, or goes with --data only.</exception>
    public IJudge? Judge(Settings settings, bool judges, Terminal terminal)
    {
        if (Files(settings).Length == 0)
        {
            if (settings.Get(regimes) == None)
            {
                throw new UsageException($"--regimes {None} leaves nothing to compare in; name some, or give --data.");
            }
            if (new IFlag[] { verify.Flag, verify.EvalData, baseModel, validation, heldOut,
                inOrder }.FirstOrDefault(settings.OnCommandLine) is { } flag)
                throw new UsageException($"--{flag.Key} goes with --data; the built-in regimes know their right answers, and make their "
                    + "bases and parts themselves.");
            return null;
        }

        string how = settings.Get(verify.Flag) ?? throw new UsageException(
            "--verify is needed with --data: what makes a response right, such as --verify exact or --verify numeric. There are "
                + $"{Judges.Judge.Forms}.");
        if (judges) verify.RefuseCommand(settings, how);
        verify.EvalFile(settings, ownData: true);
        return Judges.Judge.Parse(how, verify.Options(settings, terminal));
    }

    /// <summary>
    /// Says what own data are like, and asks the verifier about some: what will not do is found before anything is trained.
    /// </summary>
    public static void Check(IEnumerable<Regime> chosen, Terminal terminal)
    {
        foreach (Regime regime in chosen.Where(r => r.Own is not null))
        {
            terminal.Say($"{regime.Name}: {regime.Description}.");
            regime.Own!.CheckJudge();
            int n = regime.Own.Evaluation.Count;
            if (n < FewPrompts)
            {
                string error = (.5 / Math.Sqrt(n)).ToString("0.00", CultureInfo.InvariantCulture);
                terminal.Say($"{regime.Name}: {n} evaluation prompts are few: an accuracy of one half has a standard error of {error}, "
                    + "which "
                    + "intervals over seeds do not show.");
            }
        }
    }

    /// <summary>
    /// Takes up the inputs of a comparison that goes on: where they are said to be, if they have the same content, or else where they are
    /// found.
    /// </summary>
    public void TakeUp(Settings settings, ComparisonSettings began, string folder)
    {
        RunInput.TakeUp(settings, baseModel, began.BaseInput, (began.Folder, folder));
        RunInput.TakeUp(settings, verify.EvalData, began.EvalInput, (began.Folder, folder));
        if (began.Data is not { } files)
        {
            if (settings.Named(data))
            {
                throw new UsageException("--data: the comparison began without it, and a resumed one continues as it began; leave the flag "
                    + "out.");
            }
            return;
        }

        string[] named = settings.Named(data) ? Files(settings) : files;
        if (!named.Select(NameOf).SequenceEqual(files.Select(NameOf)))
            throw new UsageException($"--data: the regimes of the comparison are {string.Join(", ", files.Select(NameOf))}; name files "
                + "that are called so, in this order, or leave the flag out.");
        settings.Resolve(data,
            [.. named.Select((path, i) =>
                new RunInput("the data (--data)", path, began.DataSha256?[i], IsModel: false).Find((began.Folder, folder)))]);
    }

    /// <summary>The hashes of files and base, so that a comparison is never continued with others than it began with.</summary>
    public ComparisonSettings WithHashes(ComparisonSettings run) => run with
    {
        EvalDataSha256 = run.EvalData is { } evaluated ? Checksums.OfFile(evaluated) : null,
        DataSha256 = run.Data is { } files ? [.. files.Select(file => Checksums.OfFile(file))] : null,
        BaseSha256 = run.Base is { } folder ? RunInput.HashOf(folder, isModel: true) : null,
    };

    /// <summary>What has to be given again to resume.</summary>
    public string[] Again(Settings settings) => verify.Again(settings);

    /// <summary>The flags of own data as they are written, for the command that made a report.</summary>
    public IEnumerable<string> Written(Settings settings)
    {
        yield return "--regimes";
        yield return settings.Get(regimes);
        string[] files = Files(settings);
        foreach (string file in files)
        {
            yield return "--data";
            yield return Invocation.Shown(file);
        }

        if (files.Length == 0) yield break;
        foreach ((string flag, string? value) in new[]
        {
            ("--verify", settings.Get(verify.Flag)),
            ("--eval-data", settings.Get(verify.EvalData) is { } gold ? Invocation.Shown(gold) : null),
            ("--base", settings.Get(baseModel) is { } folder ? Invocation.Shown(folder) : null),
        })
        {
            if (value is null) continue;
            yield return flag;
            yield return value;
        }

        foreach (Flag<double> share in new[] { validation, heldOut }.Where(settings.Given))
        {
            yield return share.Name;
            yield return settings.Get(share).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (settings.Get(inOrder)) yield return inOrder.Name;
    }

    private IEnumerable<Regime> Own(Settings settings, string[] files, IJudge verifier, Action<string> say)
    {
        string? folder = settings.Get(baseModel) is { } named ? ModelFolder.Named(baseModel.Name, named) : null;
        TransformerConfig? config = folder is null ? null : Checkpoint.LoadConfig(folder);
        Vocabulary vocabulary = folder is null ? Vocabulary.Bytes() : Vocabulary.Of(folder, config!);
        vocabulary.Needed("--base: what a verifier judges");
        if (settings.Get(validation) + settings.Get(heldOut) >= 1)
        {
            throw new UsageException("--validation and --held-out leave nothing to train on: together they must be less than 1.");
        }
        foreach (string file in files)
        {
            if (!File.Exists(file)) throw new FileNotFoundException($"--data: there is no file '{Invocation.Shown(file)}'.");
            DataSource.RequireFile("--data", file);
            var examples = Demonstrations.Load(file, vocabulary.Tokenizer, vocabulary.Size, new JsonlOptions { Say = say });
            Demonstrations? evaluated = settings.Get(verify.EvalData) is { } gold
                ? Demonstrations.Load(gold, vocabulary.Tokenizer, vocabulary.Size, new JsonlOptions { HeldOut = true, Say = say })
                : null;
            OpenEnds.Warn(examples, vocabulary, sentence => say($"{NameOf(file)}: {sentence}"));
            if (config is not null) examples.CheckLength(config.MaxPositions);
            if (config is not null) evaluated?.CheckLength(config.MaxPositions);
            var own = OwnData.Split(
                NameOf(file), examples, verifier, settings.Get(validation), settings.Get(heldOut), settings.Get(seed), folder,
                vocabulary.Tokenizer, evaluated,
                config is null ? null : TrainedPrompts.Of(config.Companions));
            yield return Regimes.OfOwn(own, config, settings.Get(inOrder));
        }
    }

    private string[] Files(Settings settings) => settings.Get(data) ?? [];

    /// <summary>What the regime of a file is called; it is part of the names of files.</summary>
    public static string NameOf(string file) =>
        string.Concat(Path.GetFileNameWithoutExtension(file).Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-'))
            .Trim('.') is { Length: > 0 } name ? name : "data";
}
