using System.Runtime.CompilerServices;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;

namespace MiniTransformer.Training;

/// <summary>
/// The bases of adapters, loaded once a device: policies that are adapters of one base share its memory, for as long as the device is
/// there.
/// </summary>
internal static class FrozenBases
{
    private static readonly ConditionalWeakTable<Device, Dictionary<string, IdentifiedModel>> Loaded = [];

    /// <summary>The base of the adapters in a folder, and what it is.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="InvalidDataException">It is not what they were trained on.</exception>
    public static (Transformer Model, AdaptedBase Base) Of(string folder, Device device)
    {
        string path = Find(folder);
        Dictionary<string, IdentifiedModel> bases = Loaded.GetOrCreateValue(device);
        lock (bases)
        {
            if (!bases.TryGetValue(path, out IdentifiedModel? found))
                bases.Add(path, found = Checkpoint.LoadIdentified(path, device));
            CheckSame(PeftFiles.BaseOf(folder).Sha256, found.Sha256, path, folder);
            return (found.Model, new AdaptedBase(path, found.Sha256));
        }
    }

    /// <summary>Where the base of the adapters in a folder is.</summary>
    /// <exception cref="FileNotFoundException">Nowhere.</exception>
    public static string Find(string folder)
    {
        string said = PeftFiles.BaseOf(folder).Folder;
        string[] places = said.Length == 0 ? [] : [Path.GetFullPath(said), Path.GetFullPath(Path.Combine(folder, said))];
        string path = places.FirstOrDefault(Checkpoint.IsModel)
            ?? throw new FileNotFoundException(
                $"{folder}: the base of these adapters, '{said}', is not there. Put it there, or write its folder into "
                + $"base_model_name_or_path of {PeftFiles.Config}.");
        return PeftFiles.IsIn(AtomicDirectory.Current(path))
            ? throw new InvalidDataException(
                $"{folder}: the base of these adapters, '{said}', is adapters itself, which is not implemented; merge them first.")
            : path;
    }

    /// <summary>Refuses a base that is not the adapters' own.</summary>
    public static void CheckSame(string? needed, string? found, string? path, string folder)
    {
        if (needed is not null && needed != found)
        {
            throw new InvalidDataException(
                $"{folder}: the model in '{path}' is not the base that these adapters were trained on: its hash is {found?[..12]}…, and "
                + $"theirs {needed[..12]}…. Put the old content back, or train adapters of this one.");
        }
    }
}
