using System.Text.Json;

namespace MiniTransformer.IO;

/// <summary>
/// The weights of a model that are cut into several safetensors files ("shards"), as model.safetensors.index.json lists them:
/// {"metadata": {..},
/// "weight_map": {"TENSOR": "FILE", ..}}. Every file must hold exactly the tensors that the index says. metadata.total_size is not
/// believed: it is wrong for well-known models.
/// </summary>
internal sealed class SafetensorsShards : ITensorFile
{
    private readonly Dictionary<string, SafetensorsReader> files = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, TensorEntry> entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsReader> fileOf = new(StringComparer.Ordinal);

    private SafetensorsShards(string path) => Path = path;

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Entries => entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata => files.Values.First().Metadata;

    /// <summary>Opens all files that an index names, and checks each in full, and that they hold what it says.</summary>
    /// <exception cref="SafetensorsException">The index or a file is damaged, or they do not belong together; the message names the
    /// file or tensor.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static SafetensorsShards Open(string index)
    {
        var shards = new SafetensorsShards(index);
        try
        {
            shards.Open(WeightMap(index));
            return shards;
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public TensorEntry Entry(string name) => entries.TryGetValue(name, out TensorEntry? entry)
        ? entry
        : throw new SafetensorsException(Path, name, $"no file holds a tensor of that name; there are {entries.Count}");

    /// <inheritdoc/>
    public void ReadFloat32(string name, long first, Span<float> into)
    {
        Entry(name);
        fileOf[name].ReadFloat32(name, first, into);
    }

    /// <inheritdoc/>
    public void ReadElements(string name, long first, Span<byte> into)
    {
        Entry(name);
        fileOf[name].ReadElements(name, first, into);
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (SafetensorsReader file in files.Values) file.Dispose();
    }

    private void Open(Dictionary<string, string> map)
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        string[] names = [.. map.Values.Distinct().Order(StringComparer.Ordinal)];
        string[] missing = [.. names.Where(name => !File.Exists(System.IO.Path.Combine(folder, name)))];
        if (missing.Length > 0)
        {
            throw new FileNotFoundException(
                $"{Path} names {names.Length} files, and {string.Join(", ", missing.Take(3))}{(missing.Length > 3 ? " …" : "")} "
                + $"{(missing.Length == 1 ? "is" : "are")} not there; fetch what is missing.", missing[0]);
        }

        foreach (string name in names)
        {
            SafetensorsReader file = SafetensorsReader.Open(System.IO.Path.Combine(folder, name));
            files.Add(name, file);
            foreach (TensorEntry entry in file.Entries.Values)
            {
                if (!map.TryGetValue(entry.Name, out string? said))
                    throw new SafetensorsException(Path, entry.Name,
                        $"{name} holds it, but the index does not name it; they do not belong together");
                if (said != name)
                    throw new SafetensorsException(Path, entry.Name,
                        $"{name} holds it, but the index says {said}; the files overlap, or they do not belong together");
                entries.Add(entry.Name, entry);
                fileOf.Add(entry.Name, file);
            }
        }

        foreach ((string tensor, string name) in map)
        {
            if (!entries.ContainsKey(tensor))
            {
                throw new SafetensorsException(Path, tensor, $"the index says that {name} holds it, but it does not");
            }
        }
    }

    private static Dictionary<string, string> WeightMap(string index)
    {
        const long Largest = 100_000_000;
        if (new FileInfo(index).Length > Largest)
        {
            throw new SafetensorsException(index, null, $"it has more than {Largest} bytes; this is no index of a model");
        }
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(index),
                new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (json.RootElement.ValueKind != JsonValueKind.Object
                || !json.RootElement.TryGetProperty("weight_map", out JsonElement weights)
                || weights.ValueKind != JsonValueKind.Object)
            {
                throw new SafetensorsException(index, null,
                    "it has no weight_map, an object that says of every tensor which file holds it");
            }

            foreach (JsonProperty tensor in weights.EnumerateObject())
            {
                if (tensor.Value.ValueKind != JsonValueKind.String)
                {
                    throw new SafetensorsException(index, tensor.Name, "the index must name its file");
                }
                string file = tensor.Value.GetString()!;

                // Files beside the index only: nobody's index opens files elsewhere.
                if (file.Length == 0 || file is "." or ".." || file.AsSpan().ContainsAny('/', '\\', '\0'))
                    throw new SafetensorsException(index, tensor.Name,
                        $"'{SafetensorsException.Printable(file)}' is not the name of a file beside the index");
                map.Add(tensor.Name, file);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SafetensorsException(index, null, $"the index is not valid JSON: {e.Message}", e);
        }

        return map.Count > 0 ? map : throw new SafetensorsException(index, null, "its weight_map names no tensor");
    }
}
