using System.Security.Cryptography;
using System.Text;

namespace MiniTransformer.IO;

/// <summary>
/// The checksums of the files of a folder, in its file <c>SHA256SUMS</c>: a line "HASH  NAME" for each, as the program sha256sum writes and
/// checks it (<c>sha256sum -c SHA256SUMS</c>). A bit that flips on a disk or on the way is noticed when the folder is read. A folder
/// without the file, one that was written by hand or by another tool, is read without a check. SHA-256 is computed at 1.8 GB/s on
/// processors that have instructions for it.
/// </summary>
public static class Checksums
{
    /// <summary>The file's name.</summary>
    public const string FileName = "SHA256SUMS";

    // Characters of a hash, and of the two blanks after it.
    private const int HashLength = 64, NameStart = HashLength + 2;

    /// <summary>The hash of a file, 64 hexadecimal digits.</summary>
    /// <param name="path">The file.</param>
    /// <param name="stop">Ends the reading between two pieces of the file.</param>
    /// <exception cref="OperationCanceledException">Asked to stop.</exception>
    public static string OfFile(string path, CancellationToken stop = default)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0,
            FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] piece = GC.AllocateUninitializedArray<byte>(1 << 18); // small enough for a processor's cache
        for (int read; (read = stream.Read(piece)) > 0;)
        {
            stop.ThrowIfCancellationRequested();
            hash.AppendData(piece, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The hash of a text in UTF-8.</summary>
    public static string OfText(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes the checksums of all files that are in a folder, subfolders aside.</summary>
    public static void Write(string folder)
    {
        IEnumerable<string> names = Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file)!).Where(name => name != FileName)
            .Order(StringComparer.Ordinal);
        AtomicFile.WriteAllText(Path.Combine(folder, FileName),
            string.Concat(names.Select(name => $"{OfFile(Path.Combine(folder, name))}  {name}\n")));
    }

    /// <summary>The checksums of a folder by the files' names; null where it has none.</summary>
    /// <exception cref="ChecksumException">The file is damaged.</exception>
    public static IReadOnlyDictionary<string, string>? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        var sums = new Dictionary<string, string>(StringComparer.Ordinal);
        string text = File.ReadAllText(path);
        if (!text.EndsWith('\n')) throw new ChecksumException(path, "it is cut short");
        foreach (string line in text.Split('\n')[..^1])
        {
            if (line.Length <= NameStart || line[..HashLength].AsSpan().ContainsAnyExcept("0123456789abcdef")
                || line[HashLength..NameStart] != "  "
                || !sums.TryAdd(line[NameStart..], line[..HashLength]))
                throw new ChecksumException(path, $"line {sums.Count + 1} is not a hash, two blanks and a name");
        }

        return sums;
    }

    /// <summary>Compares the files of a folder with its checksums, if it has any.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="which">Which files, by name; all if null.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <returns>The hashes that were compared, by name: they need not be computed again.</returns>
    /// <exception cref="ChecksumException">A file is missing or is not what was written.</exception>
    /// <exception cref="OperationCanceledException">Asked to stop.</exception>
    public static IReadOnlyDictionary<string, string> Verify(
        string folder, Func<string, bool>? which = null, CancellationToken stop = default)
    {
        var verified = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Read(folder) is not { } sums) return verified;
        foreach ((string name, string hash) in sums)
        {
            if (which?.Invoke(name) == false) continue;
            string path = Path.Combine(folder, name);
            if (!File.Exists(path)) throw new ChecksumException(path, $"it is missing, and {FileName} names it");
            if (OfFile(path, stop) is var found && found != hash)
                throw new ChecksumException(path,
                    $"its bytes are not those that were written: SHA-256 is {found[..12]}…, and {FileName} says {hash[..12]}…");
            verified.Add(name, hash);
        }

        return verified;
    }
}

/// <summary>A file is not what was written: it was damaged, or changed by hand.</summary>
public sealed class ChecksumException : IOException
{
    /// <summary>Creates the error of one file.</summary>
    public ChecksumException(string file, string problem)
        : base($"'{file}' is damaged: {problem}. Put back a copy of the folder; if you have changed it yourself, delete the "
            + $"{Checksums.FileName} in it.") => File = file;

    /// <summary>Creates the error of one file, with another way out.</summary>
    public ChecksumException(string file, string problem, string wayOut)
        : base($"'{file}' is damaged: {problem}. {wayOut}") => File = file;

    /// <summary>The same error, and what else was found.</summary>
    public ChecksumException(ChecksumException error, string more)
        : base($"{error.Message} ({more})", error) => File = error.File;

    /// <summary>The path of the file.</summary>
    public string File { get; }
}
