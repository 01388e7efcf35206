using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.IO;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// An input of a run, a file or a model, as run.json knows it: by where it was, and by the hash of what it was. It is looked for where it
/// was and, if run and input have moved together, as far from the run as it was; one with another content is never taken.
/// </summary>
/// <param name="What">In words, with its flag, such as "the data (--data)".</param>
/// <param name="Path">Where it was.</param>
/// <param name="Sha256">Its hash; null where an earlier version recorded none.</param>
/// <param name="IsModel">Whether it is a model's folder or a run's, which means its final checkpoint; else a file.</param>
internal sealed record RunInput(string What, string Path, string? Sha256, bool IsModel)
{
    /// <summary>The hash of a file, or of a model.</summary>
    /// <exception cref="UsageException">The file is a pipe, which can be read only once.</exception>
    public static string HashOf(string path, bool isModel)
    {
        if (isModel) return Checkpoint.Sha256(ModelFolder.Find(path));
        DataSource.RequireFile("a run's input", path);
        return Checksums.OfFile(path);
    }

    /// <summary>Where it is now.</summary>
    /// <param name="moved">Folders, such as the run's, where they were and where they are.</param>
    /// <exception cref="InvalidDataException">It has changed.</exception>
    /// <exception cref="FileNotFoundException">It is nowhere.</exception>
    public string Find(params (string? Then, string Now)[] moved)
    {
        string[] places =
        [
            .. moved.Where(m => m.Then is not null)
            .Select(m => System.IO.Path.GetFullPath(System.IO.Path.GetRelativePath(m.Then!, Path), System.IO.Path.GetFullPath(m.Now)))
                .Prepend(Path).Distinct().Where(IsThere),
        ];
        return Array.Find(places, IsSame) ?? throw (places.Length > 0
            ? new InvalidDataException($"'{Invocation.Shown(places[0])}', {What}, has changed since the run began; put the old content "
                + "back, or start another run.")
            : new FileNotFoundException($"There is no '{Invocation.Shown(Path)}', {What}, that the run began with; put it back or, if it "
                + "has moved, say where it is with its flag."));
    }

    /// <summary>
    /// The value of its flag for a run that is continued: where the flag says, if that has the same content, or else where it is found.
    /// </summary>
    public static void TakeUp(Settings settings, Flag<string?> flag, RunInput? began, (string? Then, string Now) moved)
    {
        string? named = settings.Named(flag) ? settings.Get(flag) : null;
        if (began is null)
        {
            if (named is not null)
            {
                throw new UsageException($"{flag.Name} {Invocation.Shown(named)}: the run began without it, and a resumed run continues as "
                    + "it began; leave the flag out.");
            }
            return;
        }

        if (named is not null && named != began.Path && began.Sha256 is null)
            throw new UsageException($"{flag.Name} {Invocation.Shown(named)} is not what the run began with "
                + $"({Invocation.Shown(began.Path)}), and nothing is recorded to compare them by; leave the flag out.");
        settings.Resolve(flag, named is null ? began.Find(moved) : (began with { Path = named }).Find());
    }

    private bool IsThere(string place) => IsModel ? RunDirectory.Exists(place) || Checkpoint.IsModel(place) : File.Exists(place);

    private bool IsSame(string place) => Sha256 is null || HashOf(place, IsModel) == Sha256 || (IsModel && WeightsAre(place));

    // Earlier versions took the hash of a model's weights alone, and knew weights in one file only.
    private bool WeightsAre(string place)
    {
        string file = System.IO.Path.Combine(AtomicDirectory.Current(ModelFolder.Find(place)), Checkpoint.ModelFile);
        return File.Exists(file) && Checksums.OfFile(file) == Sha256;
    }
}
