using System.Globalization;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>Several references of one policy, loaded under the names that tables and pages call them.</summary>
internal sealed class CreditReferences : IDisposable
{
    private CreditReferences(string[] names, List<LoadedModel> loaded) =>
        (Loaded, All) = (loaded, [.. loaded.Select((m, i) => new NamedReference(names[i], m.Model))]);

    /// <summary>The references.</summary>
    public IReadOnlyList<NamedReference> All { get; }

    /// <summary>The same as they were read.</summary>
    public IReadOnlyList<LoadedModel> Loaded { get; }

    /// <summary>Loads the references that a user lists, or all that the run has kept.</summary>
    /// <param name="policyPath">The policy: a model's folder or a run's.</param>
    /// <param name="list">Names and folders, separated by commas; null for all of the run.</param>
    /// <param name="expert">The policy's model, whose vocabulary they must share.</param>
    /// <param name="device">Where they are loaded.</param>
    public static CreditReferences Load(string policyPath, string? list, Transformer expert, Device device)
    {
        string[] texts = list is not null
            ? list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : Kept(policyPath);
        if (texts.Length == 0)
        {
            throw new UsageException("--reference: the list is empty; give folders, or base, half or fractions of the run, separated by "
                + "commas.");
        }
        string[] folders = [.. texts.Select(text => ModelFolder.Reference(policyPath, text))];
        string[] names = [.. texts.Select(Name)];
        for (int i = 0; i < texts.Length; i++)
        {
            int earlier = Array.FindIndex(folders, folder => folder == folders[i]);
            if (earlier < i)
            {
                throw new UsageException($"--reference: '{texts[earlier]}' and '{texts[i]}' are the same model, "
                    + $"{Invocation.Shown(folders[i])}; name it once.");
            }
            if (names.Count(name => name == names[i]) > 1) names[i] = Invocation.Shown(folders[i]);
        }

        var loaded = new List<LoadedModel>();
        try
        {
            for (int i = 0; i < texts.Length; i++)
            {
                loaded.Add(LoadedModel.Open(folders[i], device));
                UsageException.Check(() => new DenseReward(expert, loaded[^1].Model), $"--reference {texts[i]}: "); // the same vocabulary
            }
        }
        catch
        {
            foreach (LoadedModel reference in loaded) reference.Dispose();
            throw;
        }

        return new CreditReferences(names, loaded);
    }

    /// <summary>Frees the models.</summary>
    public void Dispose()
    {
        foreach (LoadedModel reference in Loaded) reference.Dispose();
    }

    // base and the fractions of a run.
    private static string[] Kept(string policyPath)
    {
        if (!RunDirectory.Exists(policyPath))
        {
            throw new UsageException("--reference is needed: one or more models' folders, separated by commas.");
        }
        const string prefix = "fraction-";
        string[] names =
        [
            .. ModelFolder.Checkpoints(policyPath)
                .Select(name => name == ModelFolder.Base
                    ? name
                    : name == ModelFolder.Fraction(.5)
                    ? "half"
                    : name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null)
                .OfType<string>(),
        ];
        return names.Length > 0 ? names
            : throw new UsageException($"--reference is needed: the run '{Invocation.Shown(policyPath)}' has kept neither its base nor a "
                + "fraction; give folders.");
    }

    private static string Name(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double fraction)
            ? fraction.ToString(CultureInfo.InvariantCulture)
        : text is "base" or "half" ? text
        : Path.GetFileName(Path.TrimEndingDirectorySeparator(text)) is { Length: > 0 } name ? name : text;
}
