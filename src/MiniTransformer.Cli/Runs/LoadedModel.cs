using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>A model as it was read, and what its ids mean: how every command comes by one.</summary>
/// <param name="Folder">Where it was read.</param>
/// <param name="Model">The model; its parameters are frozen but where gradients are asked for.</param>
/// <param name="Vocabulary">What its ids mean.</param>
internal sealed record LoadedModel(string Folder, Transformer Model, Vocabulary Vocabulary) : IDisposable
{
    /// <summary>Reads the model that a flag names: a model's folder, or a run's, which means one of its checkpoints.</summary>
    /// <exception cref="Invocations.UsageException">There is none; the message names the flag.</exception>
    public static LoadedModel Named(
        string flag, string path, Device device, string checkpoint = ModelFolder.Final, bool trainable = false) =>
        Open(ModelFolder.Named(flag, path, checkpoint), device, trainable);

    /// <summary>Reads the model of a folder.</summary>
    public static LoadedModel Open(string folder, Device device, bool trainable = false)
    {
        Transformer model = Checkpoint.LoadModel(folder, device, trainable);
        try
        {
            return new LoadedModel(folder, model, Vocabulary.Of(folder, model.Config));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The model of a folder without its weights: for what depends on its sizes alone.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">The device that it would be on.</param>
    public static LoadedModel Blank(string folder, Device device)
    {
        Transformer model = Checkpoint.LoadBlank(folder, Device.DryRun(like: device));
        return new LoadedModel(folder, model, Vocabulary.Of(folder, model.Config));
    }

    /// <summary>The vocabulary that models share: that of the first that has a tokenizer.</summary>
    public static Vocabulary Shared(params IReadOnlyList<LoadedModel> models) =>
        (models.FirstOrDefault(m => m.Vocabulary.Tokenizer is not null) ?? models[^1]).Vocabulary;

    /// <summary>Frees it.</summary>
    public void Dispose() => Model.Dispose();
}
