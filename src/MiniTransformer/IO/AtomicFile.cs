using System.Text;

namespace MiniTransformer.IO;

/// <summary>
/// Writes a file so that a reader, or the next start after a crash, finds either the whole old content or the whole new one:
/// the content goes to <c>path.tmp-…</c>, is flushed to the disk, and is then renamed over the path.
/// </summary>
public static class AtomicFile
{
    private const string Temporary = ".tmp-";

    /// <summary>Writes a file through a stream. Missing folders are created.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content. If it throws, the path keeps its old content and the temporary file is removed.</param>
    /// <exception cref="IOException">The disk is full, the place is not writable ...: the message names the path and the way
    /// out.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"'{path}' is not the path of a file.", nameof(path));
        string temporary = $"{target}{Temporary}{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(folder);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
            DiskSync.Folder(folder);
        }
        catch (Exception e)
        {
            RemoveQuietly(temporary);
            if (e is IOException or UnauthorizedAccessException) throw DiskSync.CannotWrite(path, e);
            throw;
        }
    }

    /// <summary>Whether a name is that of an unfinished file: what a kill leaves of a <see cref="Write"/>.</summary>
    public static bool IsLeftover(string path)
    {
        string name = Path.GetFileName(path);
        int at = name.LastIndexOf(Temporary, StringComparison.Ordinal);
        return at > 0 && Guid.TryParseExact(name.AsSpan(at + Temporary.Length), "N", out _);
    }

    /// <summary>
    /// Removes the unfinished files that kills have left in a folder and in those within it. For the folder's only writer.
    /// </summary>
    public static void Recover(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(IsLeftover).ToArray())
        {
            File.Delete(file);
        }
    }

    /// <summary>Writes a text file in UTF-8 without a byte order mark. Missing folders are created.</summary>
    /// <exception cref="IOException">The file cannot be written: the message names the path and the way out.</exception>
    public static void WriteAllText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    // Clearing up must not hide the error that made it necessary.
    private static void RemoveQuietly(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
