using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// A model in a folder: model.safetensors with Hugging Face's names, config.json in its Llama form, and tokenizer.json where there is a
/// tokenizer. A checkpoint to resume from also has optimizer.safetensors (adamw.m.NAME, adamw.v.NAME) and trainer.json
/// (<see cref="TrainerState"/>). Folders are written under another name, flushed and renamed: a reader finds the old one or the whole new one.
/// </summary>
public static class Checkpoint
{
    /// <summary>The weights' file.</summary>
    public const string ModelFile = "model.safetensors";

    /// <summary>The optimizer's file.</summary>
    public const string OptimizerFile = "optimizer.safetensors";

    /// <summary>Writes a model.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Save(string folder, Transformer model, ITokenizer? tokenizer) =>
        AtomicDirectory.Write(folder, temporary =>
        {
            WriteModel(temporary, model, tokenizer);
            Checksums.Write(temporary);
        });

    /// <summary>Writes a checkpoint to resume from.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Save(string folder, Transformer model, ITokenizer? tokenizer, AdamW optimizer, TrainerState state)
    {
        if (state.Updates != optimizer.Updates)
            throw new ArgumentException($"Checkpoint: the state says {state.Updates} updates, the optimizer has made {optimizer.Updates}.");
        AtomicDirectory.Write(folder, temporary =>
        {
            WriteModel(temporary, model, tokenizer);
            SafetensorsWriter.Write(Path.Combine(temporary, OptimizerFile), optimizer.State().Select(s => new TensorData(s.Name, s.Shape, s.Values)));
            state.Save(temporary);
            Checksums.Write(temporary);
        });
    }

    /// <summary>Whether a folder holds a model.</summary>
    public static bool IsModel(string folder) => File.Exists(Path.Combine(AtomicDirectory.Current(folder), "config.json"));

    /// <summary>
    /// Reads a model from any Hugging Face Llama folder: config.json and model.safetensors in float32. The configuration is checked against
    /// the weights before anything is loaded. The parameters are trainable.
    /// </summary>
    /// <exception cref="FileNotFoundException">A file is missing; the message says which, and what is there instead.</exception>
    /// <exception cref="TransformerConfigException">The configuration is not a Llama model's, or does not fit the weights.</exception>
    /// <exception cref="SafetensorsException">The weights are damaged, or not float32.</exception>
    /// <exception cref="ChecksumException">A file is not what this library wrote.</exception>
    public static Transformer LoadModel(string folder, Device device) => Read(folder, IsOfModel, current =>
    {
        TransformerConfig config = TransformerConfig.Load(current);
        using SafetensorsReader weights = SafetensorsReader.Open(WeightsOf(current));
        config.CheckAgainst(weights);
        return new Transformer(config, ParameterSource.From(device, weights));
    });

    /// <summary>
    /// The tokenizer of a model's folder, with all end tokens that the model's configuration has; or null and the reason where it has none or another tool's.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged, or its ids lie outside the model's vocabulary.</exception>
    public static ITokenizer? LoadTokenizer(string folder, TransformerConfig config, out string? whyNone)
    {
        (ITokenizer? tokenizer, whyNone) = Read(
            folder, name => IsOfModel(name) && !name.EndsWith(".safetensors", StringComparison.Ordinal), current => (TokenizerFile.Load(current, out string? why), why));
        if (tokenizer is not null && tokenizer.VocabSize > config.VocabSize)
        {
            throw new InvalidDataException(
                $"{folder}: the tokenizer has {tokenizer.VocabSize} tokens, but the model's vocab_size is {config.VocabSize}; they do not belong together.");
        }

        if (tokenizer is null) return null;

        // The tokenizer says which end token follows a text; whatever else the configuration ends responses with ends them too.
        Tokens own = tokenizer.Tokens, tokens = own with { Ends = own.Ends.Union(config.Ends), Pad = own.Pad ?? config.PadId };
        return tokens == own ? tokenizer : tokenizer.With(tokens);
    }

    /// <summary>Takes up weights, moments and the number of updates from a checkpoint; returns its state.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="policy">A model of the same form, whose weights are replaced.</param>
    /// <param name="optimizer">The policy's optimizer.</param>
    public static TrainerState Resume(string folder, Transformer policy, AdamW optimizer)
    {
        return Read(folder, _ => true, current =>
        {
            TrainerState state = TrainerState.Load(current);
            policy.Config.CheckSame(TransformerConfig.Load(current), current);
            using SafetensorsReader weights = SafetensorsReader.Open(WeightsOf(current)), moments = SafetensorsReader.Open(Path.Combine(current, OptimizerFile));
            policy.Config.CheckAgainst(weights);
            foreach (Parameter parameter in policy.Parameters)
            {
                var values = new float[parameter.Shape.Count];
                weights.ReadFinite(parameter.Name, values);
                parameter.Set(values);
            }

            optimizer.Restore(state.Updates, moments.ReadFinite);
            return state;
        });
    }

    /// <summary>A hash of all that a model's folder says of the model: equal for equal weights, configuration and tokenizer.</summary>
    public static string Sha256(string folder) => Read(folder, IsOfModel, current =>
    {
        string[] extensions = [".json", ".safetensors", ".jinja", ".model", ".txt"];
        IEnumerable<string> names = Directory.EnumerateFiles(current).Select(file => Path.GetFileName(file)!)
            .Where(name => IsOfModel(name) && extensions.Contains(Path.GetExtension(name))).Order(StringComparer.Ordinal);
        return Checksums.OfText(string.Concat(names.Select(name => $"{Checksums.OfFile(Path.Combine(current, name))}  {name}\n")));
    });

    private static bool IsOfModel(string name) => name is not (OptimizerFile or TrainerState.FileName);

    // Reads a folder whose writer may replace it meanwhile: what failed, or was read, in a version that is no longer there is read again.
    private static T Read<T>(string folder, Func<string, bool> which, Func<string, T> read)
    {
        const int Attempts = 100;
        for (int attempt = 1; ; attempt++)
        {
            string current = AtomicDirectory.Current(folder);
            (DateTime, string?) version = Version(current);
            try
            {
                CheckThere(folder, current);
                if (which(ModelFile)) _ = WeightsOf(current);
                Verify(current, which);
                T value = read(current);
                if (attempt == Attempts || !Replaced()) return value;
                (value as IDisposable)?.Dispose();
            }
            catch (Exception e) when (e is IOException or FormatException or InvalidDataException or UnauthorizedAccessException && attempt < Attempts && Replaced())
            {
            }

            bool Replaced() => AtomicDirectory.Current(folder) is var now && (now != current || Version(now) != version);
        }

        static (DateTime, string?) Version(string path)
        {
            string sums = Path.Combine(path, Checksums.FileName);
            try
            {
                return (File.GetLastWriteTimeUtc(Path.Combine(path, ModelFile)), File.Exists(sums) ? File.ReadAllText(sums) : null);
            }
            catch (IOException)
            {
                return default; // it went away just now
            }
        }
    }

    // Where a changed configuration or a changed header contradicts the rest, that is said too.
    private static void Verify(string folder, Func<string, bool> which)
    {
        try
        {
            Checksums.Verify(folder, which);
        }
        catch (ChecksumException e)
        {
            try
            {
                TransformerConfig config = TransformerConfig.Load(folder);
                using SafetensorsReader weights = SafetensorsReader.Open(WeightsOf(folder));
                config.CheckAgainst(weights);
            }
            catch (Exception more) when (more is IOException or FormatException or InvalidDataException)
            {
                throw new ChecksumException(e, more.Message);
            }

            throw;
        }
    }

    private static void WriteModel(string folder, Transformer model, ITokenizer? tokenizer)
    {
        model.Config.Save(folder);
        model.Config.Companions.Write(folder);
        SafetensorsWriter.Write(
            Path.Combine(folder, ModelFile),
            model.Parameters.Select(p => new TensorData(p.Name, p.Shape.ToArray(), sink => sink(p.ToArray()))));
        if (tokenizer is not null) TokenizerFile.Save(tokenizer, folder);
    }

    private static void CheckThere(string folder, string current)
    {
        if (File.Exists(current)) throw new FileNotFoundException($"'{folder}' is a file; a model's folder is needed, with config.json and {ModelFile} in it.", folder);
        if (!Directory.Exists(current)) throw new FileNotFoundException($"There is no folder '{folder}'; a model's folder holds config.json and {ModelFile}.", folder);
    }

    private static string WeightsOf(string folder)
    {
        string file = Path.Combine(folder, ModelFile);
        if (File.Exists(file)) return file;
        string instead = File.Exists(file + ".index.json")
            ? "its weights are cut into several files (model.safetensors.index.json), which is not implemented; write them as one, "
                + "for example in Python: model.save_pretrained(folder, max_shard_size=\"100GB\")"
            : File.Exists(Path.Combine(folder, "pytorch_model.bin"))
                ? "its weights are in PyTorch's pickle form (pytorch_model.bin), which is not read; in Python: model.save_pretrained(folder)"
                : "a model's folder holds config.json and " + ModelFile;
        throw new FileNotFoundException($"'{folder}' has no {ModelFile}: {instead}.", file);
    }

    private static void CheckSame(this TransformerConfig needed, TransformerConfig found, string folder)
    {
        if (needed != found) throw new InvalidDataException($"{folder}: its config.json describes another model than the run that is resumed.");
    }
}
