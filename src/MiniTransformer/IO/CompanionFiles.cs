namespace MiniTransformer.IO;

/// <summary>
/// The small files of a model's folder beside its weights and its configuration: how to generate, what the tokenizer is made of, how chats
/// are written. They are read with the model and written with every model that comes of it, byte for byte, whether or not anything here
/// understands them: what other tools need of a model is not lost by training it.
/// </summary>
public sealed class CompanionFiles
{
    /// <summary>The names of the files that are carried.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json", "trained_prompts.bin",
    ];

    // The largest vocabulary in use is a tenth of this.
    private const long Largest = 1 << 28;

    private readonly Dictionary<string, byte[]> files;

    private CompanionFiles(Dictionary<string, byte[]> files) => this.files = files;

    /// <summary>No file.</summary>
    public static CompanionFiles None { get; } = new([]);

    /// <summary>Reads those that a folder has.</summary>
    /// <exception cref="InvalidDataException">A file is too large to be what its name says.</exception>
    public static CompanionFiles Read(string folder)
    {
        var files = new Dictionary<string, byte[]>();
        foreach (string name in Names)
        {
            var file = new FileInfo(Path.Combine(folder, name));
            if (!file.Exists) continue;
            if (file.Length > Largest)
                throw new InvalidDataException($"{file.FullName}: {file.Length >> 20} MiB are too many for such a file; at most "
                    + $"{Largest >> 20} are read.");
            files[name] = File.ReadAllBytes(file.FullName);
        }

        return files.Count == 0 ? None : new CompanionFiles(files);
    }

    /// <summary>The content of a file, or null where there is none.</summary>
    public byte[]? Find(string name) => files.GetValueOrDefault(name);

    /// <summary>These and another one, which takes the place of one of the same name.</summary>
    public CompanionFiles With(string name, byte[] content)
    {
        if (!Names.Contains(name))
        {
            throw new ArgumentException($"A model's folder has no '{name}' that would be read again; there are "
                + $"{string.Join(", ", Names)}.", nameof(name));
        }
        return new CompanionFiles(new Dictionary<string, byte[]>(files) { [name] = content });
    }

    /// <summary>Writes them into a folder.</summary>
    public void Write(string folder)
    {
        foreach ((string name, byte[] content) in files) File.WriteAllBytes(Path.Combine(folder, name), content);
    }
}
