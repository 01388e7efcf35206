using System.Text;
using System.Text.Json;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// metrics.jsonl: one JSON object a line, handed to the system as soon as it is appended, so that a killed run loses at most the
/// line it was writing.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    private FileStream? stream;

    /// <summary>The log in a file, which is made when the first line comes.</summary>
    public MetricsLog(string path) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Appends an object as one line; <see cref="TruncateAfter"/> goes by its property <c>step</c>.</summary>
    public void Append(object metrics)
    {
        stream ??= OpenAtLineStart();
        byte[] line = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(metrics, metrics.GetType(), RunDirectory.Json) + "\n");
        stream.Write(line);
        stream.Flush();
    }

    /// <summary>
    /// Prepares to resume from a checkpoint: drops every line with a later step, the lines without a step that follow the first such
    /// line, and a torn last line.
    /// </summary>
    /// <exception cref="InvalidDataException">A line before the last is not JSON.</exception>
    public void TruncateAfter(long step)
    {
        Dispose();
        if (!File.Exists(Path)) return;

        bool later = false;
        var kept = new StringBuilder();
        foreach ((string text, JsonElement line) in Lines(Path))
        {
            long? at = line.ValueKind == JsonValueKind.Object && line.TryGetProperty("step", out JsonElement value)
                && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;
            later |= at > step;
            if (at is null ? !later : at <= step) kept.Append(text).Append('\n');
        }

        AtomicFile.WriteAllText(Path, kept.ToString());
    }

    /// <summary>All whole lines of a log, oldest first; none when there is no file.</summary>
    /// <exception cref="InvalidDataException">A line before the last is not JSON.</exception>
    public static IReadOnlyList<JsonElement> Read(string path) =>
        File.Exists(path) ? Lines(path).Select(line => line.Json).ToArray() : [];

    /// <summary>Closes the file; a later Append opens it again.</summary>
    public void Dispose()
    {
        stream?.Dispose();
        stream = null;
    }

    // A line torn by a kill has no newline at its end. It must not swallow the next one.
    private FileStream OpenAtLineStart()
    {
        var opened = new FileStream(Path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (opened.Length > 0)
        {
            byte[] bytes = new byte[opened.Length];
            opened.ReadExactly(bytes);
            opened.SetLength(Array.LastIndexOf(bytes, (byte)'\n') + 1);
            opened.Seek(0, SeekOrigin.End);
        }

        return opened;
    }

    private static IEnumerable<(string Text, JsonElement Json)> Lines(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        string all = reader.ReadToEnd();

        int number = 0;
        for (int start = 0, end; (end = all.IndexOf('\n', start)) >= 0; start = end + 1)
        {
            number++;
            string text = all[start..end];
            JsonElement line;
            try
            {
                line = JsonSerializer.Deserialize<JsonElement>(text);
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}:{number}: not a line of JSON: {e.Message}", e);
            }

            yield return (text, line);
        }
    }
}
