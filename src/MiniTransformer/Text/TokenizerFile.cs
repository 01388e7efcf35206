using System.Text.Json;

namespace MiniTransformer.Text;

/// <summary>
/// The tokenizer in a model's folder: the file <c>tokenizer.json</c>, which names the kind and states its ids, so that a model cannot be used
/// with ids that mean something else. Models of other tools bring tokenizers that are not implemented; they work with pre-tokenized data.
/// </summary>
public static class TokenizerFile
{
    /// <summary>The file's name.</summary>
    public const string FileName = "tokenizer.json";

    private const long Largest = 100_000;

    // What the file of the byte tokenizer says: all of it is written, and all of it is checked.
    private static readonly (string Field, int Value)[] ByteFields =
    [
        ("vocab_size", 262), ("begin", ByteTokenizer.Begin), ("end", ByteTokenizer.End), ("pad", ByteTokenizer.Pad),
        ("system", ByteTokenizer.SystemRole), ("user", ByteTokenizer.UserRole), ("assistant", ByteTokenizer.AssistantRole),
    ];

    /// <summary>Writes the tokenizer into a folder.</summary>
    /// <exception cref="NotSupportedException">The tokenizer is not one of this library's.</exception>
    public static void Save(ITokenizer tokenizer, string folder)
    {
        if (tokenizer is not ByteTokenizer)
            throw new NotSupportedException($"A tokenizer of type {tokenizer?.GetType().Name ?? "null"} cannot be saved; only {nameof(ByteTokenizer)} can.");
        string fields = string.Join(",\n", ByteFields.Select(f => $"  \"{f.Field}\": {f.Value}"));
        File.WriteAllText(Path.Combine(folder, FileName), $"{{\n  \"type\": \"byte\",\n{fields}\n}}\n");
    }

    /// <summary>The folder's tokenizer, or null where it has none.</summary>
    /// <exception cref="NotSupportedException">The file is another tool's.</exception>
    /// <exception cref="InvalidDataException">The file is damaged; the message names the field.</exception>
    public static ITokenizer? Load(string folder) =>
        Load(folder, out string? whyNone) ?? (File.Exists(Path.Combine(folder, FileName)) ? throw new NotSupportedException(whyNone) : null);

    /// <summary>The folder's tokenizer; or null and the reason, where it has none or one of another tool. For data that may be pre-tokenized.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message names the field.</exception>
    public static ITokenizer? Load(string folder, out string? whyNone)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, FileName);
        whyNone = null;
        if (!File.Exists(path))
        {
            whyNone = $"The folder '{folder}' has no {FileName}; use pre-tokenized data (prompt_ids and completion_ids), which needs none.";
            return null;
        }

        try
        {
            // A file of ours is small; one of many megabytes is another tool's vocabulary and is not parsed.
            if (new FileInfo(path).Length <= Largest)
            {
                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
                if (!IsForeign(document.RootElement)) return ReadByte(document.RootElement, path);
            }
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {e.Message}", e);
        }

        whyNone = $"{path}: this is another tool's tokenizer (Hugging Face's format), which is not implemented; " +
            "use pre-tokenized data (prompt_ids and completion_ids), which works without a tokenizer.";
        return null;
    }

    private static bool IsForeign(JsonElement root) => root.ValueKind == JsonValueKind.Object && !root.TryGetProperty("type", out _) &&
        (root.TryGetProperty("model", out _) || root.TryGetProperty("added_tokens", out _));

    private static ByteTokenizer ReadByte(JsonElement root, string path)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{path}: needed is a JSON object, and it is {root.ValueKind}.");
        if (!root.TryGetProperty("type", out JsonElement type)) throw new InvalidDataException($"{path}: field 'type' is missing; needed is \"byte\".");
        if (type.ValueKind != JsonValueKind.String || !type.ValueEquals("byte"))
            throw new InvalidDataException($"{path}: field 'type' is {type.GetRawText()}; the type that is implemented is \"byte\".");
        foreach ((string field, int value) in ByteFields)
        {
            if (!root.TryGetProperty(field, out JsonElement found)) throw new InvalidDataException($"{path}: field '{field}' is missing; needed is {value}.");
            if (found.ValueKind != JsonValueKind.Number || !found.TryGetInt32(out int number) || number != value)
                throw new InvalidDataException($"{path}: field '{field}' is {found.GetRawText()}; the byte tokenizer's is {value}.");
        }

        foreach (JsonProperty property in root.EnumerateObject())
        {
            if (property.Name != "type" && !ByteFields.Any(f => f.Field == property.Name))
                throw new InvalidDataException($"{path}: unknown field '{property.Name}'.");
        }

        return new ByteTokenizer();
    }
}
