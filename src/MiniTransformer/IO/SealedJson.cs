using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MiniTransformer.IO;

/// <summary>
/// A JSON object that carries its own checksum as its last property: <c>"sha256"</c>, the hash of the whole text but for the hash itself. A
/// text without it, one that was written by hand, is read without a check.
/// </summary>
public static partial class SealedJson
{
    /// <summary>The property's name.</summary>
    public const string Key = "sha256";

    /// <summary>Adds the checksum to the text of a JSON object.</summary>
    public static string Seal(string json)
    {
        string body = json.TrimEnd()[..^1].TrimEnd(), line = body.Contains('\n', StringComparison.Ordinal) ? "\n" : "";
        string head = $"{body}{(body.EndsWith('{') ? "" : ",")}{line}{(line.Length > 0 ? "  " : "")}\"{Key}\": \"", tail = $"\"{line}}}\n";
        return head + Checksums.OfText(head + tail) + tail;
    }

    /// <summary>Reads a file that holds a JSON object, and takes the checksum out of it, if it carries one.</summary>
    /// <exception cref="ChecksumException">The text is not what was written.</exception>
    /// <exception cref="System.Text.Json.JsonException">It is no JSON object.</exception>
    public static JsonObject Read(string path)
    {
        string text = File.ReadAllText(path);
        Check(path, text);
        var strict = new System.Text.Json.JsonDocumentOptions
        {
            AllowDuplicateProperties = false,
            CommentHandling = System.Text.Json.JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
        };
        JsonObject json = JsonNode.Parse(text, documentOptions: strict) as JsonObject
            ?? throw new System.Text.Json.JsonException("a JSON object is needed, with names as keys");
        if (json.Remove(Key) && !Last().IsMatch(text)) throw Damaged(path, "its checksum is none");
        return json;
    }

    private static void Check(string path, string text)
    {
        if (Last().Match(text) is { Success: true, Groups: [_, var hash] }
            && Checksums.OfText(text.Remove(hash.Index, hash.Length)) != hash.Value)
            throw Damaged(path, "its text is not what was written, by its SHA-256");
    }

    private static ChecksumException Damaged(string path, string problem) =>
        new(path, problem, $"Put back a copy; if you have changed it yourself, delete its last entry, \"{Key}\".");

    [GeneratedRegex("\"sha256\": \"([0-9a-f]{64})\"\\s*}\\s*$", RegexOptions.RightToLeft)]
    private static partial Regex Last();
}
