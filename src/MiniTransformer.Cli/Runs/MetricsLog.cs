using System.Text;
using System.Text.Json;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// metrics.jsonl: one JSON object a line, handed to the system as soon as it is appended, so that a killed run loses at most the
/// line it was writing. Beside it, metrics.sha256 has the first half of a hash of every line, in any order and written before the line: a
/// line whose hash is missing there is damaged. A log without that file is read without a check.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    // Characters of a hash that are kept.
    private const int HashLength = 32;

    private FileStream? stream, sums;

    /// <summary>The log in a file, which is made when the first line comes.</summary>
    public MetricsLog(string path) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The file of the lines' hashes.</summary>
    public static string SumsOf(string path) => System.IO.Path.ChangeExtension(path, ".sha256");

    /// <summary>Appends an object as one line; <see cref="TruncateAfter"/> goes by its property <c>step</c>.</summary>
    public void Append(object metrics)
    {
        if (stream is null) (stream, sums) = Open();
        string line = JsonSerializer.Serialize(metrics, metrics.GetType(), RunDirectory.Json);
        Write(sums!, HashOf(line));
        Write(stream, line);
    }

    /// <summary>
    /// Prepares to resume from a checkpoint: drops every line with a later step, the lines without a step that follow the first such
    /// line, and a torn last line.
    /// </summary>
    /// <param name="step">The checkpoint's step.</param>
    /// <param name="damaged">Hears of each damaged line, which is dropped; null refuses such a log.</param>
    /// <exception cref="InvalidDataException">A line before the last is damaged.</exception>
    public void TruncateAfter(long step, Action<string>? damaged = null)
    {
        Dispose();
        if (!File.Exists(Path)) return;

        bool later = false;
        var kept = new List<string>();
        foreach ((string text, JsonElement line) in Lines(Path, damaged))
        {
            long? at = line.ValueKind == JsonValueKind.Object && line.TryGetProperty("step", out JsonElement value)
                && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;
            later |= at > step;
            if (at is null ? !later : at <= step) kept.Add(text);
        }

        AtomicFile.WriteAllText(Path, string.Concat(kept.Select(text => text + "\n"))); // first: its hashes are there already
        AtomicFile.WriteAllText(SumsOf(Path), string.Concat(kept.Select(text => HashOf(text) + "\n")));
    }

    /// <summary>All whole lines of a log, oldest first; none when there is no file.</summary>
    /// <param name="path">The log.</param>
    /// <param name="damaged">Hears of each damaged line, which is left out; null refuses such a log.</param>
    /// <exception cref="InvalidDataException">A line before the last is damaged.</exception>
    public static IReadOnlyList<JsonElement> Read(string path, Action<string>? damaged = null) =>
        File.Exists(path) ? Lines(path, damaged).Select(line => line.Json).ToArray() : [];

    /// <summary>Closes the file; a later Append opens it again.</summary>
    public void Dispose()
    {
        stream?.Dispose();
        sums?.Dispose();
        stream = sums = null;
    }

    private static string HashOf(string line) => Checksums.OfText(line)[..HashLength];

    private static void Write(FileStream to, string line)
    {
        to.Write(Encoding.UTF8.GetBytes(line + "\n"));
        to.Flush();
    }

    // Lines that were written without a check get their hashes now.
    private (FileStream Lines, FileStream Sums) Open()
    {
        string path = SumsOf(Path);
        if (File.Exists(Path) && !File.Exists(path))
            AtomicFile.WriteAllText(path, string.Concat(Lines(Path, null).Select(line => HashOf(line.Text) + "\n")));
        return (AtLineStart(Path), AtLineStart(path));
    }

    // A line torn by a kill has no newline at its end. It must not swallow the next one.
    private static FileStream AtLineStart(string path)
    {
        var opened = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (opened.Length > 0)
        {
            byte[] bytes = new byte[opened.Length];
            opened.ReadExactly(bytes);
            opened.SetLength(Array.LastIndexOf(bytes, (byte)'\n') + 1);
            opened.Seek(0, SeekOrigin.End);
        }

        return opened;
    }

    private static IEnumerable<(string Text, JsonElement Json)> Lines(string path, Action<string>? damaged)
    {
        string all = AllOf(path);
        // Each hash is one line's.
        Dictionary<string, int>? sums = File.Exists(SumsOf(path))
            ? AllOf(SumsOf(path)).Split('\n').CountBy(hash => hash).ToDictionary()
            : null;
        int number = 0, start = 0;
        for (int end; (end = all.IndexOf('\n', start)) >= 0; start = end + 1)
        {
            number++;
            string text = all[start..end];
            JsonElement line = default;
            string hash = HashOf(text);
            string? problem = sums is not null && (sums[hash] = sums.GetValueOrDefault(hash) - 1) < 0
                ? "not what was written, by its hash"
                : null;
            try
            {
                line = JsonSerializer.Deserialize<JsonElement>(text);
            }
            catch (JsonException e)
            {
                problem = $"not a line of JSON: {e.Message}";
            }

            if (problem is null) yield return (text, line);
            else if (damaged is null) throw new InvalidDataException($"{path}:{number}: {problem}");
            else damaged($"{path}:{number}: {problem}; the line is left out");
        }

        if (start < all.Length) damaged?.Invoke($"{path}:{number + 1}: the last line is cut short and left out");
    }

    private static string AllOf(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }
}
