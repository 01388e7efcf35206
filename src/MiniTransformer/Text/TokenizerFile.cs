using System.Text.Json;
using MiniTransformer.Text.Bpe;

namespace MiniTransformer.Text;

/// <summary>
/// The tokenizer in a model's folder: the file <c>tokenizer.json</c> in Hugging Face's form, beside it <c>tokenizer_config.json</c>, which
/// says what ends a response. A kind that is not implemented leaves a model usable with pre-tokenized data.
/// </summary>
public static class TokenizerFile
{
    /// <summary>The file's name.</summary>
    public const string FileName = "tokenizer.json";

    /// <summary>The name of the file that names the end token.</summary>
    public const string ConfigFileName = "tokenizer_config.json";

    // The largest vocabulary in use, Gemma 3's, takes 33 MB; the byte tokenizer's file 11 kB.
    private const long Largest = 1 << 28, LargestOfBytes = 100_000;

    /// <summary>
    /// Writes the tokenizer into a folder; one that was read from a model's folder is carried along with the model's other files.
    /// </summary>
    /// <exception cref="NotSupportedException">It is another's, and the folder has no file of it.</exception>
    public static void Save(ITokenizer tokenizer, string folder)
    {
        if (tokenizer is ByteTokenizer) File.WriteAllText(Path.Combine(folder, FileName), ByteTokenizerFile.Content);
        else if (!File.Exists(Path.Combine(folder, FileName)))
            throw new NotSupportedException($"A tokenizer of type {tokenizer?.GetType().Name ?? "null"} cannot be written anew; only "
                + $"{nameof(ByteTokenizer)} can.");
    }

    /// <summary>The folder's tokenizer, or null where it has none.</summary>
    /// <exception cref="NotSupportedException">The file is of a kind that is not implemented; the message names the field.</exception>
    /// <exception cref="InvalidDataException">The file is damaged; the message names the field.</exception>
    public static ITokenizer? Load(string folder) =>
        Load(folder, out string? whyNone)
            ?? (File.Exists(Path.Combine(folder, FileName)) ? throw new NotSupportedException(whyNone) : null);

    /// <summary>
    /// The folder's tokenizer; or null and the reason, where it has none or one that is not implemented. For data that may be
    /// pre-tokenized.
    /// </summary>
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
            byte[] file = ReadAll(path);
            if (file.Length <= LargestOfBytes)
            {
                using JsonDocument document = JsonDocument.Parse(file);
                if (ByteTokenizerFile.TryRead(document.RootElement)) return new ByteTokenizer();
            }

            (string? end, string? pad) = ReadConfig(Path.Combine(folder, ConfigFileName));
            return BpeTokenizer.Read(file, end, pad).With(TemplateChat.Source(folder));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {e.Message}", e);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException(e.Message.StartsWith(folder, StringComparison.Ordinal) ? e.Message : $"{path}: {e.Message}", e);
        }
        catch (NotSupportedException e)
        {
            whyNone = $"{path}: {e.Message} Pre-tokenized data (prompt_ids and completion_ids) works without a tokenizer.";
            return null;
        }
    }

    private static byte[] ReadAll(string path)
    {
        long length = new FileInfo(path).Length;
        return length <= Largest
            ? File.ReadAllBytes(path)
            : throw new InvalidDataException($"{length >> 20} MiB are too many for a tokenizer; at most {Largest >> 20} MiB are read");
    }

    // A token is written as itself, or as an object with its content.
    private static (string? End, string? Pad) ReadConfig(string path)
    {
        if (!File.Exists(path)) return (null, null);
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadAll(path));
            var root = new JsonField(document.RootElement, "");
            return (Token("eos_token"), Token("pad_token"));

            string? Token(string name) => root.Optional(name) is { } field
                ? field.Value.ValueKind == JsonValueKind.Object ? field["content"].Text : field.Text
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}
