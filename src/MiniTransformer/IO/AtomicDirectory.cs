namespace MiniTransformer.IO;

/// <summary>Writes a whole folder, such as a checkpoint, so that at every moment a complete version of it is on the disk.</summary>
/// <remarks>
/// <para>Replacing a folder F takes these steps; after each one the names are flushed to the disk:</para>
/// <list type="number">
/// <item>fill <c>F.tmp-…</c> and flush every file in it;</item>
/// <item>rename it to <c>F.new</c>: this name says that the content is complete;</item>
/// <item>rename F, if there is one, to <c>F.old</c>;</item>
/// <item>rename <c>F.new</c> to F;</item>
/// <item>remove <c>F.old</c>; if it holds something that the new version does not have by name (a user's notes, say), it is
/// renamed to <c>F.kept-1</c>, <c>F.kept-2</c> ... instead.</item>
/// </list>
/// <para>A crash therefore leaves one of: F with an incomplete <c>F.tmp-…</c>; F and <c>F.new</c>; <c>F.old</c> and <c>F.new</c>; F and
/// <c>F.old</c>. <see cref="Recover"/>, which <see cref="Write"/> calls first, finishes the replacement in each case. <see cref="Current"/>
/// finds a complete version without changing anything. One process at a time may write a given folder.</para>
/// </remarks>
public static class AtomicDirectory
{
    private const string Temporary = ".tmp-", New = ".new", Old = ".old", Kept = ".kept-";

    /// <summary>Creates or replaces a folder.</summary>
    /// <param name="folder">The folder; missing parents are created.</param>
    /// <param name="fill">Writes the content into the (temporary, empty) folder whose path it is given. If it throws, the old folder stays
    /// as it was.</param>
    /// <exception cref="IOException">The folder cannot be written: the message names it and the way out.</exception>
    public static void Write(string folder, Action<string> fill)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(fill);
        string target = Normalise(folder);
        string temporary = target + Temporary + Guid.NewGuid().ToString("N");
        try
        {
            if (File.Exists(target)) throw new IOException("a file of that name is in the way");
            Directory.CreateDirectory(Parent(target));
            Recover(target);
            Directory.CreateDirectory(temporary);
            fill(temporary);
            DiskSync.Tree(temporary);
            Rename(temporary, target + New);
            Install(target);
        }
        catch (Exception e)
        {
            RemoveQuietly(temporary);
            if (e is IOException or UnauthorizedAccessException) throw DiskSync.CannotWrite(folder, e);
            throw;
        }
    }

    /// <summary>Finishes what a crash interrupted: afterwards only the newest complete version is there, under its own name. For the
    /// folder's writer.</summary>
    /// <exception cref="IOException">A leftover cannot be renamed or removed.</exception>
    public static void Recover(string folder)
    {
        string target = Normalise(folder);
        if (!Directory.Exists(Parent(target))) return;
        foreach (string sibling in Directory.GetDirectories(Parent(target)))
        {
            if (sibling.StartsWith(target + Temporary, StringComparison.Ordinal)) Directory.Delete(sibling, recursive: true);
        }

        if (Directory.Exists(target + New)) Install(target);
        else if (Directory.Exists(target)) RetireOld(target);
        else if (Directory.Exists(target + Old)) Rename(target + Old, target);
    }

    /// <summary>
    /// Where a complete version of the folder is: the folder itself or, if a crash struck between two renames, the new or the old version
    /// beside it. Changes nothing, so readers may call it at any time; where there is no version at all, the answer is the folder's own
    /// path.
    /// </summary>
    public static string Current(string folder)
    {
        string target = Normalise(folder);
        return new[] { target, target + New, target + Old }.FirstOrDefault(Directory.Exists) ?? target;
    }

    /// <summary>Whether a folder's name marks it as an intermediate state of <see cref="Write"/>, which a listing of checkpoints should
    /// pass over.</summary>
    public static bool IsLeftover(string folder)
    {
        string name = Path.GetFileName(Normalise(folder));
        return name.EndsWith(New, StringComparison.Ordinal) || name.EndsWith(Old, StringComparison.Ordinal)
            || name.Contains(Temporary, StringComparison.Ordinal) || name.Contains(Kept, StringComparison.Ordinal);
    }

    // Steps 3 to 5, from any state in which F.new is there.
    private static void Install(string target)
    {
        if (Directory.Exists(target))
        {
            RetireOld(target);
            Rename(target, target + Old);
        }

        Rename(target + New, target);
        try
        {
            RetireOld(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The new version is in place; the next write removes the old one.
        }
    }

    // Step 5: a complete F is there, so F.old has served its purpose.
    private static void RetireOld(string target)
    {
        string old = target + Old;
        if (!Directory.Exists(old)) return;
        bool holdsMore = Directory.EnumerateFileSystemEntries(old)
            .Any(entry => !Path.Exists(Path.Combine(target, Path.GetFileName(entry))));
        if (!holdsMore)
        {
            Directory.Delete(old, recursive: true);
            return;
        }

        int number = 1;
        while (Path.Exists(target + Kept + number)) number++;
        Rename(old, target + Kept + number);
    }

    private static void Rename(string from, string to)
    {
        Directory.Move(from, to);
        DiskSync.Folder(Parent(to));
    }

    private static string Normalise(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    private static string Parent(string target) =>
        Path.GetDirectoryName(target) ?? throw new IOException($"'{target}' is the root of a file system and cannot be replaced");

    // Clearing up must not hide the error that made it necessary; what remains is removed by the next write.
    private static void RemoveQuietly(string temporary)
    {
        try
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
