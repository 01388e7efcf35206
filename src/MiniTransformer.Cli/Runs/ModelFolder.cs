using System.Globalization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>The folder of a model that a user names: a model's own, or a run's, which means one of its checkpoints.</summary>
internal static class ModelFolder
{
    /// <summary>The checkpoint that a run ends with.</summary>
    public const string Final = "final";

    /// <summary>The checkpoint that a run begins with.</summary>
    public const string Base = "base";

    /// <summary>The checkpoint to resume from.</summary>
    public const string Last = "last";

    /// <summary>The folder that a flag names, of a model or of a run's checkpoint.</summary>
    /// <exception cref="UsageException">There is none; the message names the flag.</exception>
    public static string Named(string flag, string path, string checkpoint = Final)
    {
        try
        {
            return Find(path, checkpoint);
        }
        catch (FileNotFoundException e)
        {
            throw new UsageException($"{flag}: {e.Message}");
        }
    }

    /// <summary>
    /// " Did you mean 'X'?" for the folder whose name is nearest to that of one that is missing; empty where none is near.
    /// </summary>
    public static string Neighbour(string path)
    {
        string whole = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(whole) is not { } parent || !Directory.Exists(parent)) return "";
        string? near = Nearest.Of(Path.GetFileName(whole), Directory.EnumerateDirectories(parent, "*", new EnumerationOptions())
            .Select(d => Path.GetFileName(d)!).Where(name => !AtomicDirectory.IsLeftover(name)));
        return near is null ? "" : $" Did you mean '{Invocation.Shown(Path.Combine(Path.GetDirectoryName(path) ?? "", near))}'?";
    }

    /// <summary>The folder of a model or of a run's checkpoint.</summary>
    public static string Find(string path, string checkpoint = Final)
    {
        if (Checkpoint.IsModel(path)) return path;
        if (!RunDirectory.Exists(path))
        {
            throw new FileNotFoundException(Directory.Exists(path)
                ? $"'{Invocation.Shown(path)}' holds neither a model (config.json and model.safetensors) nor a run (run.json)."
                : $"there is no folder '{Invocation.Shown(path)}'; a model's folder is needed, or a run's.{Neighbour(path)}");
        }

        string folder = RunDirectory.CheckpointPath(path, checkpoint);
        if (Checkpoint.IsModel(folder)) return folder;
        if (RunSettings.CommandOf(path) is { } command and not ("sft" or "dpr"))
            throw new FileNotFoundException($"'{Invocation.Shown(path)}' is a run of '{command}', which keeps no model; one of sft or dpr "
                + "is needed, or a model's folder.");
        string[] names = Checkpoints(path);
        string has = names.Length == 0 ? "it has none yet" : $"it has {string.Join(", ", names)}";
        string unfinished = checkpoint == Final ? " The run has not finished; continue it with --resume." : Nearest.Hint(checkpoint, names);
        throw new FileNotFoundException($"the run '{Invocation.Shown(path)}' has no checkpoint '{checkpoint}'; {has}.{unfinished}");
    }

    /// <summary>The checkpoints of a run: base, fractions, final.</summary>
    public static string[] Checkpoints(string run)
    {
        string folder = Path.Combine(run, "checkpoints");
        if (!Directory.Exists(folder)) return [];
        return [.. Directory.GetDirectories(folder).Where(d => !AtomicDirectory.IsLeftover(d)).Select(d => Path.GetFileName(d)!)
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>The name of the checkpoint at a fraction of the training samples.</summary>
    public static string Fraction(double fraction) => "fraction-" + fraction.ToString("0.00####", CultureInfo.InvariantCulture);

    /// <summary>
    /// The checkpoints of an SFT run that can be a reference, as --reference names them: base if the run began from one, and the fractions
    /// it kept.
    /// </summary>
    public static string[] KeptReferences(string run, bool fromBase) =>
    [
        .. fromBase ? [Base] : Array.Empty<string>(),
        .. Checkpoints(run).Where(name => name.StartsWith("fraction-", StringComparison.Ordinal))
            .Select(name => double.Parse(name["fraction-".Length..], CultureInfo.InvariantCulture)).Where(fraction => fraction < 1)
            .Select(fraction => fraction == .5 ? "half" : fraction.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>
    /// The folders of one reference policy or of several, separated by commas; a folder whose own name has a comma is taken alone.
    /// </summary>
    public static string[] References(string? run, string text)
    {
        string[] names = ReferenceNames(text);
        if (names.Length == 0)
        {
            throw new UsageException("--reference names none; give base, half, a fraction or a folder, or several of them separated by "
                + "commas.");
        }
        string[] folders = [.. names.Select(name => Reference(run, name))];
        for (int i = 1; i < folders.Length; i++)
        {
            int first = Array.IndexOf(folders, folders[i]);
            if (first < i)
            {
                throw new UsageException($"--reference {text}: '{names[first]}' and '{names[i]}' are the same model; name it once.");
            }
        }

        return folders;
    }

    /// <summary>The parts of a list of references.</summary>
    public static string[] ReferenceNames(string text) =>
        Directory.Exists(text) ? [text] : text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The folder of a reference policy: base, half, a fraction such as 0.1 (checkpoints of the SFT run), or a folder.</summary>
    public static string Reference(string? run, string text)
    {
        string? name = text switch
        {
            "base" => Base,
            "half" => Fraction(.5),
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double fraction) => Fraction(fraction),
            _ => null,
        };
        if (name is null) return Named("--reference", Path.GetFullPath(text));
        if (run is null || !RunDirectory.Exists(run))
            throw new UsageException($"--reference {text} names a checkpoint of a run, and the policy is not given as a run's folder; give "
                + "the reference as a folder.");
        try
        {
            return Find(run, name);
        }
        catch (FileNotFoundException e)
        {
            throw new UsageException($"--reference {text}: {e.Message} sft keeps the checkpoints that --keep-at names.");
        }
    }
}
