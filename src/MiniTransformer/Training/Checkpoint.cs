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
        AtomicDirectory.Write(folder, temporary => WriteModel(temporary, model, tokenizer));

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
    public static Transformer LoadModel(string folder, Device device)
    {
        string current = Existing(folder);
        TransformerConfig config = TransformerConfig.Load(current);
        using SafetensorsReader weights = OpenWeights(current);
        config.CheckAgainst(weights);
        return new Transformer(config, ParameterSource.From(device, weights));
    }

    /// <summary>
    /// The tokenizer of a model's folder, with all end tokens that the model's configuration has; or null and the reason where it has none or another tool's.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged, or its ids lie outside the model's vocabulary.</exception>
    public static ITokenizer? LoadTokenizer(string folder, TransformerConfig config, out string? whyNone)
    {
        ITokenizer? tokenizer = TokenizerFile.Load(AtomicDirectory.Current(folder), out whyNone);
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
        string current = Existing(folder);
        TrainerState state = TrainerState.Load(current);
        policy.Config.CheckSame(TransformerConfig.Load(current), current);
        using SafetensorsReader weights = OpenWeights(current), moments = SafetensorsReader.Open(Path.Combine(current, OptimizerFile));
        policy.Config.CheckAgainst(weights);
        foreach (Parameter parameter in policy.Parameters) parameter.Set(weights.ReadFloat32(parameter.Name));
        optimizer.Restore(state.Updates, (name, values) => moments.ReadFloat32(name, values));
        return state;
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

    private static string Existing(string folder)
    {
        string current = AtomicDirectory.Current(folder);
        if (File.Exists(current)) throw new FileNotFoundException($"'{folder}' is a file; a model's folder is needed, with config.json and {ModelFile} in it.", folder);
        return Directory.Exists(current)
            ? current
            : throw new FileNotFoundException($"There is no folder '{folder}'; a model's folder holds config.json and {ModelFile}.", folder);
    }

    private static SafetensorsReader OpenWeights(string folder)
    {
        string file = Path.Combine(folder, ModelFile);
        if (File.Exists(file)) return SafetensorsReader.Open(file);
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
