using System.Text.Json;
using System.Text.Json.Nodes;

namespace MiniTransformer.IO;

/// <summary>The weights in a model's folder: model.safetensors, or shards with their index, under the names that Hugging Face gives
/// them.</summary>
public static class ModelWeights
{
    /// <summary>The file of weights in one.</summary>
    public const string File = "model.safetensors";

    /// <summary>The index of shards.</summary>
    public const string Index = "model.safetensors.index.json";

    /// <summary>The bytes of tensors that one file takes where nothing else is said: 5 GB, as Hugging Face has it.</summary>
    public const long ShardBytes = 5_000_000_000;

    /// <summary>Opens the weights of a folder.</summary>
    /// <exception cref="FileNotFoundException">There are none; the message says what is there instead.</exception>
    /// <exception cref="SafetensorsException">A file is damaged.</exception>
    public static ITensorFile Open(string folder)
    {
        string path = Find(folder);
        return path.EndsWith(Index, StringComparison.Ordinal) ? SafetensorsShards.Open(path) : SafetensorsReader.Open(path);
    }

    /// <summary>The path of a folder's weights, or of their index.</summary>
    /// <exception cref="FileNotFoundException">There are none; the message says what is there instead.</exception>
    public static string Find(string folder)
    {
        string file = Path.Combine(folder, File), index = Path.Combine(folder, Index);
        if (System.IO.File.Exists(file)) return file;
        if (System.IO.File.Exists(index)) return index;
        string instead = Directory.EnumerateFiles(folder, "*.safetensors").Any()
            ? $"there are .safetensors files of other names, and no {Index} that says which belong together"
            : Directory.EnumerateFiles(folder, "pytorch_model*.bin").Any()
                ? "its weights are in PyTorch's pickle form (pytorch_model.bin), which is not read; in Python: "
                    + "model.save_pretrained(folder)"
                : "a model's folder holds config.json and " + File;
        throw new FileNotFoundException($"'{folder}' has no {File}: {instead}.", file);
    }

    /// <summary>Writes weights into a new folder: in one file, or in several with an index where they are more than shardBytes.</summary>
    public static void Write(string folder, IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string> metadata,
        long shardBytes = ShardBytes)
    {
        var shards = new List<List<TensorData>> { new List<TensorData>() };
        long total = 0, used = 0;
        foreach (TensorData tensor in tensors)
        {
            if (used > 0 && used + tensor.Bytes > shardBytes)
            {
                shards.Add([]);
                used = 0;
            }

            shards[^1].Add(tensor);
            used += tensor.Bytes;
            total += tensor.Bytes;
        }

        if (shards.Count == 1)
        {
            SafetensorsWriter.Write(Path.Combine(folder, File), shards[0], metadata);
            return;
        }

        var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string name = $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors";
            foreach (TensorData tensor in shards[i]) map.Add(tensor.Name, name);
            SafetensorsWriter.Write(Path.Combine(folder, name), shards[i], metadata);
        }

        var index = new JsonObject
        {
            ["metadata"] = new JsonObject { ["total_size"] = total },
            ["weight_map"] = new JsonObject(map.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
        };
        AtomicFile.WriteAllText(Path.Combine(folder, Index),
            index.ToJsonString(new JsonSerializerOptions { WriteIndented = true, NewLine = "\n" }) + "\n");
    }
}
