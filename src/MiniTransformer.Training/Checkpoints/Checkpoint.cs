using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// A model in a folder: its weights in safetensors, config.json, both with Hugging Face's names of the model's family, and tokenizer.json
/// where there is a tokenizer. A checkpoint to resume from also has optimizer.safetensors (adamw.m.NAME, adamw.v.NAME) and trainer.json
/// (<see cref="TrainerState"/>). Folders are written under another name, flushed and renamed: a reader finds the old one or the whole new
/// one.
/// </summary>
public static class Checkpoint
{
    /// <summary>The weights' file.</summary>
    public const string ModelFile = ModelWeights.File;

    /// <summary>The optimizer's file.</summary>
    public const string OptimizerFile = "optimizer.safetensors";

    /// <summary>Writes a model.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer, if it has one.</param>
    /// <param name="type">The type of the weights in the file; null for the one that each came in (float32 for a new model).</param>
    /// <param name="shardBytes">The bytes that one file takes; more are cut into several with an index.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Save(
        string folder, Transformer model, ITokenizer? tokenizer, ElementType? type = null, long shardBytes = ModelWeights.ShardBytes) =>
        AtomicDirectory.Write(folder, temporary =>
        {
            WriteModel(temporary, model, tokenizer, type, toResume: false, shardBytes);
            Checksums.Write(temporary);
        });

    /// <summary>
    /// Writes a checkpoint to resume from: weights in float32, whatever type they came in, so that nothing is lost on the way.
    /// </summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Save(string folder, Transformer model, ITokenizer? tokenizer, AdamW optimizer, TrainerState state)
    {
        if (state.Updates != optimizer.Updates)
            throw new ArgumentException($"Checkpoint: the state says {state.Updates} updates, the optimizer has made {optimizer.Updates}.");
        AtomicDirectory.Write(folder, temporary =>
        {
            WriteModel(temporary, model, tokenizer, ElementType.F32, toResume: true, ModelWeights.ShardBytes);
            SafetensorsWriter.Write(Path.Combine(temporary, OptimizerFile), optimizer.State()
                .Select(s => new TensorData(s.Name, s.Shape, s.Values)));
            state.Save(temporary);
            Checksums.Write(temporary);
        });
    }

    /// <summary>Whether a folder holds a model.</summary>
    public static bool IsModel(string folder) =>
        AtomicDirectory.Current(folder) is var current && (File.Exists(Path.Combine(current, "config.json")) || PeftFiles.IsIn(current));

    /// <summary>
    /// Reads a model from a Hugging Face folder of one of the families: config.json, and weights in float32, float16 or bfloat16, in one
    /// file or several. The configuration is checked against the weights before anything is loaded. </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">Where the model is put.</param>
    /// <param name="trainable">Whether it is to be trained, in float32; a frozen model's matrices stay in memory in the type of the file,
    /// to the same results.</param>
    /// <exception cref="FileNotFoundException">A file is missing; the message says which, and what is there instead.</exception>
    /// <exception cref="TransformerConfigException">The configuration asks for what is not implemented, or does not fit the
    /// weights.</exception>
    /// <exception cref="SafetensorsException">The weights are damaged, or of a type that is not read.</exception>
    /// <exception cref="ChecksumException">A file is not what this library wrote.</exception>
    /// <remarks>Of adapters the base is found where they say, and must be what they were trained on; adapters of one base on one device
    /// share its memory.</remarks>
    public static Transformer LoadModel(string folder, Device device, bool trainable = true) => Read(folder, IsOfModel, current =>
    {
        if (!PeftFiles.IsIn(current)) return LoadWhole(current, device, trainable);
        (Transformer model, AdaptedBase origin) = FrozenBases.Of(current, device);
        return Adapted(current, model, origin, trainable);
    }, device.Stop);

    /// <summary>A frozen model without adapters, and the hash of the files that it was read from.</summary>
    internal static IdentifiedModel LoadIdentified(string folder, Device device) => Read(folder, IsOfModel, (current, verified) =>
    {
        string hash = HashOf(current, verified, device.Stop);
        return new IdentifiedModel(LoadWhole(current, device, trainable: false), hash);
    }, device.Stop);

    /// <summary>The configuration of a model's folder, of adapters that have none that of their base; the weights are not looked
    /// at.</summary>
    /// <exception cref="TransformerConfigException">It asks for what is not implemented.</exception>
    /// <exception cref="ChecksumException">The file is not what this library wrote.</exception>
    public static TransformerConfig LoadConfig(string folder) => Read(
        folder, name => name == "config.json",
        current =>
        {
            if (File.Exists(Path.Combine(current, "config.json")) || !PeftFiles.IsIn(current)) return TransformerConfig.Load(current);
            TransformerConfig config = TransformerConfig.Load(AtomicDirectory.Current(FrozenBases.Find(current)));
            return config with { Companions = CompanionsOf(current, config.Companions) };
        });

    /// <summary>
    /// A base that is loaded already, with the adapters of a folder, wherever those say that their base is; it must be what they were
    /// trained on.
    /// </summary>
    /// <param name="folder">The adapters' folder.</param>
    /// <param name="model">The base, frozen; its memory is shared.</param>
    /// <param name="origin">What the base is.</param>
    /// <param name="trainable">Whether what the adapters train is to be trained.</param>
    /// <exception cref="InvalidDataException">The folder has no adapters, or others.</exception>
    public static Transformer LoadAdapters(string folder, Transformer model, AdaptedBase origin, bool trainable = true) =>
        Read(folder, IsOfModel, current =>
    {
        if (!PeftFiles.IsIn(current)) throw new InvalidDataException($"{folder}: there are no adapters in it ({PeftFiles.Config}).");
        FrozenBases.CheckSame(PeftFiles.BaseOf(current).Sha256, origin.Sha256, origin.Folder, current);
        return Adapted(current, model, origin, trainable);
    }, model.Device.Stop);

    /// <summary>
    /// How large a model's folder will be in memory: its configuration's numbers, in the types that the weights' header has.
    /// </summary>
    public static ModelSize SizeOf(string folder) => Read(folder, name => name == "config.json", current =>
    {
        bool adapted = PeftFiles.IsIn(current);
        string whole = adapted ? AtomicDirectory.Current(FrozenBases.Find(current)) : current;
        using ITensorFile weights = ModelWeights.Open(whole);
        double count = weights.Entries.Values.Sum(e => (double)e.Count),
            bytes = weights.Entries.Values.Sum(e => e.Count * (double)(ElementTypes.Of(e.Dtype) ?? ElementType.F32).Bytes());
        TransformerConfig config = TransformerConfig.Load(whole);
        double parameters = config.ParameterCount, frozen = bytes / Math.Max(1, count) * parameters;
        if (!adapted) return new ModelSize(parameters, frozen, parameters);
        using var adapters = SafetensorsReader.Open(Path.Combine(current, PeftFiles.Weights));
        // a tied head is the table once more
        IEnumerable<TensorEntry> trained = adapters.Entries.Values.Where(e => !(config.TieEmbeddings && e.Name.EndsWith(".lm_head.weight", StringComparison.Ordinal)));
        return new ModelSize(parameters, frozen, trained.Sum(e => (double)e.Count)) { IsAdapted = true };
    });

    /// <summary>
    /// A model of a folder's form without its weights: for the memory that it will take, before any is taken. The weights need not be
    /// there; then their type is what config.json says.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">Where it is put, such as <see cref="Device.DryRun"/>.</param>
    public static Transformer LoadBlank(string folder, Device device) => Read(folder, name => name == "config.json", current =>
    {
        bool adapted = PeftFiles.IsIn(current);
        string whole = adapted ? AtomicDirectory.Current(FrozenBases.Find(current)) : current;
        TransformerConfig config = TransformerConfig.Load(whole);
        ElementType type = config.SaidType ?? ElementType.F32;
        if (File.Exists(Path.Combine(whole, ModelWeights.File)) || File.Exists(Path.Combine(whole, ModelWeights.Index)))
        {
            using ITensorFile weights = ModelWeights.Open(whole);
            type = weights.Entries.Values.GroupBy(e => ElementTypes.Of(e.Dtype) ?? ElementType.F32).MaxBy(e => e.Sum(t => t.Count))!.Key;
        }

        Transformer blank = Transformer.Blank(config, device, adapted ? PeftFiles.Read(current, config) : null, type);
        blank.Companions = CompanionsOf(current, config.Companions);
        return blank;
    });

    private static Transformer LoadWhole(string folder, Device device, bool trainable)
    {
        TransformerConfig config = TransformerConfig.Load(folder);
        using ITensorFile weights = ModelWeights.Open(folder);
        config.CheckAgainst(weights);
        return Transformer.Load(config, device, weights, trainable);
    }

    private static Transformer Adapted(string folder, Transformer model, AdaptedBase origin, bool trainable)
    {
        Transformer adapted = PeftFiles.Load(folder, model, trainable);
        adapted.Base = origin;
        adapted.Companions = CompanionsOf(folder, model.Companions);
        return adapted;
    }

    // A folder's own, and of those that it lacks the base's.
    private static CompanionFiles CompanionsOf(string folder, CompanionFiles ofBase)
    {
        CompanionFiles own = CompanionFiles.Read(folder);
        return CompanionFiles.Names.Aggregate(ofBase, (all, name) => own.Find(name) is { } file ? all.With(name, file) : all);
    }

    /// <summary>
    /// The tokenizer of a model's folder, with all end tokens that the model's configuration has; or null and the reason where it has none
    /// or one that is not implemented.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged, or its ids lie outside the model's vocabulary.</exception>
    public static ITokenizer? LoadTokenizer(string folder, TransformerConfig config, out string? whyNone)
    {
        (ITokenizer? tokenizer, whyNone) = Read(
            folder, name => IsOfModel(name) && !name.EndsWith(".safetensors", StringComparison.Ordinal), current =>
            (TokenizerFile.Load(!File.Exists(Path.Combine(current, TokenizerFile.FileName))
                && PeftFiles.IsIn(current) ? FrozenBases.Find(current) : current, out string? why), why));

        // Added tokens at the end that a text model lacks (Gemma 3's for images) are no token of its texts.
        int needed = tokenizer is BpeTokenizer bpe ? bpe.OrdinarySize : tokenizer?.VocabSize ?? 0;
        if (tokenizer is not null && needed > config.VocabSize)
        {
            throw new InvalidDataException(
                $"{folder}: the tokenizer has {needed} tokens, but the model's vocab_size is {config.VocabSize}; they do not belong "
                    + "together.");
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
            using SafetensorsReader moments = SafetensorsReader.Open(Path.Combine(current, OptimizerFile));
            if (policy.Lora is null)
            {
                using ITensorFile weights = ModelWeights.Open(current);
                policy.Config.CheckAgainst(weights);
                policy.Fill(weights);
            }
            else
            {
                FrozenBases.CheckSame(PeftFiles.BaseOf(current).Sha256, policy.Base?.Sha256, policy.Base?.Folder, current);
                PeftFiles.Fill(current, policy);
            }

            optimizer.Restore(state.Updates, moments.ReadFinite);
            return state;
        }, policy.Device.Stop);
    }

    /// <summary>A hash of all that a model's folder says of the model: equal for equal weights, configuration and tokenizer.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <exception cref="OperationCanceledException">Asked to stop.</exception>
    public static string Sha256(string folder, CancellationToken stop = default) =>
        Read(folder, IsOfModel, (current, verified) => HashOf(current, verified, stop), stop);

    // Each file is read once: of those that were verified just now the hash is known.
    internal static string HashOf(string current, IReadOnlyDictionary<string, string> verified, CancellationToken stop)
    {
        string[] extensions = [".json", ".safetensors", ".jinja", ".model", ".txt"];
        IEnumerable<string> names = Directory.EnumerateFiles(current).Select(file => Path.GetFileName(file)!)
            .Where(name => IsOfModel(name) && extensions.Contains(Path.GetExtension(name))).Order(StringComparer.Ordinal);
        return Checksums.OfText(string.Concat(names.Select(name =>
            $"{verified.GetValueOrDefault(name) ?? Checksums.OfFile(Path.Combine(current, name), stop)}  {name}\n")));
    }

    private static bool IsOfModel(string name) => name is not (OptimizerFile or TrainerState.FileName);

    private static T Read<T>(string folder, Func<string, bool> which, Func<string, T> read, CancellationToken stop = default) =>
        Read(folder, which, (current, _) => read(current), stop);

    // Reads a folder whose writer may replace it meanwhile: what failed, or was read, in a version that is no longer there is read again.
    // The reader is given the folder and the hashes that were just verified.
    private static T Read<T>(string folder, Func<string, bool> which, Func<string, IReadOnlyDictionary<string, string>, T> read,
        CancellationToken stop = default)
    {
        const int Attempts = 100;
        for (int attempt = 1; ; attempt++)
        {
            string current = AtomicDirectory.Current(folder);
            (DateTime, string?) version = Version(current);
            try
            {
                CheckThere(folder, current);
                if (which(ModelFile) && !PeftFiles.IsIn(current)) _ = ModelWeights.Find(current);
                T value = read(current, Verify(current, which, stop));
                if (attempt == Attempts || !Replaced()) return value;
                (value as IDisposable)?.Dispose();
            }
            catch (Exception e) when (e is IOException or FormatException or InvalidDataException or UnauthorizedAccessException
                && attempt < Attempts && Replaced())
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
    private static IReadOnlyDictionary<string, string> Verify(string folder, Func<string, bool> which, CancellationToken stop)
    {
        try
        {
            return Checksums.Verify(folder, which, stop);
        }
        catch (ChecksumException e) when (!PeftFiles.IsIn(folder))
        {
            try
            {
                TransformerConfig config = TransformerConfig.Load(folder);
                using ITensorFile weights = ModelWeights.Open(folder);
                config.CheckAgainst(weights);
            }
            catch (Exception more) when (more is IOException or FormatException or InvalidDataException)
            {
                throw new ChecksumException(e, more.Message);
            }

            throw;
        }
    }

    private static void WriteModel(
        string folder, Transformer model, ITokenizer? tokenizer, ElementType? type, bool toResume, long shardBytes)
    {
        model.Config.Save(folder, model.Lora is null ? type ?? model.StoredAs : model.StoredAs);
        model.Companions.Write(folder);
        if (model.Lora is null) ModelWeights.Write(folder, model.Tensors(type), model.Metadata(toResume), shardBytes);
        else PeftFiles.Write(folder, model, type ?? ElementType.F32);
        if (tokenizer is not null && model.Companions.Find(TokenizerFile.FileName) is null) TokenizerFile.Save(tokenizer, folder);
    }

    private static void CheckThere(string folder, string current)
    {
        if (File.Exists(current))
        {
            throw new FileNotFoundException($"'{folder}' is a file; a model's folder is needed, with config.json and {ModelFile} in it.",
                folder);
        }
        if (!Directory.Exists(current))
        {
            throw new FileNotFoundException($"There is no folder '{folder}'; a model's folder holds config.json and {ModelFile}.", folder);
        }
    }

    private static void CheckSame(this TransformerConfig needed, TransformerConfig found, string folder)
    {
        if (needed != found)
        {
            throw new InvalidDataException($"{folder}: its config.json describes another model than the run that is resumed.");
        }
    }
}

/// <summary>A model, and the hash of the folder that it was read from.</summary>
internal sealed record IdentifiedModel(Transformer Model, string Sha256) : IDisposable
{
    /// <summary>Frees the model.</summary>
    public void Dispose() => Model.Dispose();
}

/// <summary>How large a model is.</summary>
/// <param name="Parameters">Its numbers, of an adapted one those of the base.</param>
/// <param name="FrozenBytes">What they take where they are not trained.</param>
/// <param name="Trained">The numbers that training changes: all, or an adapted one's adapters and what is trained beside them.</param>
public sealed record ModelSize(double Parameters, double FrozenBytes, double Trained)
{
    /// <summary>Whether it is adapters of a base.</summary>
    public bool IsAdapted { get; init; }
}
