using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// A model in a folder: its weights in safetensors, config.json, both with Hugging Face's names of the model's family, and tokenizer.json where there is a
/// tokenizer. A checkpoint to resume from also has optimizer.safetensors (adamw.m.NAME, adamw.v.NAME) and trainer.json
/// (<see cref="TrainerState"/>). Folders are written under another name, flushed and renamed: a reader finds the old one or the whole new one.
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
        AtomicDirectory.Write(folder, temporary => WriteModel(temporary, model, tokenizer, type, toResume: false, shardBytes));

    /// <summary>Writes a checkpoint to resume from: weights in float32, whatever type they came in, so that nothing is lost on the way.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Save(string folder, Transformer model, ITokenizer? tokenizer, AdamW optimizer, TrainerState state)
    {
        if (state.Updates != optimizer.Updates)
            throw new ArgumentException($"Checkpoint: the state says {state.Updates} updates, the optimizer has made {optimizer.Updates}.");
        AtomicDirectory.Write(folder, temporary =>
        {
            WriteModel(temporary, model, tokenizer, ElementType.F32, toResume: true, ModelWeights.ShardBytes);
            SafetensorsWriter.Write(Path.Combine(temporary, OptimizerFile), optimizer.State().Select(s => new TensorData(s.Name, s.Shape, s.Values)));
            state.Save(temporary);
        });
    }

    /// <summary>Whether a folder holds a model.</summary>
    public static bool IsModel(string folder) => File.Exists(Path.Combine(AtomicDirectory.Current(folder), "config.json"));

    /// <summary>
    /// Reads a model from a Hugging Face folder of one of the families: config.json, and weights in float32, float16 or bfloat16, in one file or several. The
    /// configuration is checked against the weights before anything is loaded. The parameters are trainable, and float32 in memory.
    /// </summary>
    /// <exception cref="FileNotFoundException">A file is missing; the message says which, and what is there instead.</exception>
    /// <exception cref="TransformerConfigException">The configuration asks for what is not implemented, or does not fit the weights.</exception>
    /// <exception cref="SafetensorsException">The weights are damaged, or of a type that is not read.</exception>
    public static Transformer LoadModel(string folder, Device device)
    {
        string current = Existing(folder);
        TransformerConfig config = TransformerConfig.Load(current);
        using ITensorFile weights = ModelWeights.Open(current);
        config.CheckAgainst(weights);
        return Transformer.Load(config, device, weights);
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
        using ITensorFile weights = ModelWeights.Open(current);
        using SafetensorsReader moments = SafetensorsReader.Open(Path.Combine(current, OptimizerFile));
        policy.Config.CheckAgainst(weights);
        policy.Fill(weights);
        optimizer.Restore(state.Updates, (name, values) => moments.ReadFloat32(name, values));
        return state;
    }

    private static void WriteModel(
        string folder, Transformer model, ITokenizer? tokenizer, ElementType? type, bool toResume, long shardBytes)
    {
        model.Config.Save(folder, type ?? model.StoredAs);
        model.Config.Companions.Write(folder);
        ModelWeights.Write(folder, model.Tensors(type), model.Metadata(toResume), shardBytes);
        if (tokenizer is not null && model.Config.Companions.Find(TokenizerFile.FileName) is null) TokenizerFile.Save(tokenizer, folder);
    }

    private static string Existing(string folder)
    {
        string current = AtomicDirectory.Current(folder);
        if (File.Exists(current)) throw new FileNotFoundException($"'{folder}' is a file; a model's folder is needed, with config.json and {ModelFile} in it.", folder);
        return Directory.Exists(current)
            ? current
            : throw new FileNotFoundException($"There is no folder '{folder}'; a model's folder holds config.json and {ModelFile}.", folder);
    }

    private static void CheckSame(this TransformerConfig needed, TransformerConfig found, string folder)
    {
        if (needed != found) throw new InvalidDataException($"{folder}: its config.json describes another model than the run that is resumed.");
    }
}
