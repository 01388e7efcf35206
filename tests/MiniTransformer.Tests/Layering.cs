using System.Text.RegularExpressions;

namespace MiniTransformer.Tests;

/// <summary>
/// The import rules, and the reader that finds breaches of them in source text: in using directives, in names written out from
/// MiniTransformer on, and in names that begin with a layer, such as Ops.Reduce.
/// </summary>
internal static partial class Layering
{
    // Each layer and those directly below it; what these may import is allowed too. Data draws its order with Rng, which lives in Tensors.
    private static readonly Dictionary<string, string[]> Below = new()
    {
        ["Cli"] = ["Lab"],
        ["Lab"] = ["Training", "Theory"],
        ["Training"] = ["Nn", "Optim", "Judges", "IO"],
        ["Judges"] = ["Data"],
        ["Nn"] = ["Ops", "IO", "Text"],
        ["Optim"] = ["Ops", "IO"],
        ["Ops"] = ["Autograd"],
        ["Autograd"] = ["Tensors"],
        ["Tensors"] = ["Backends"],
        ["Backends"] = ["Kernels"],
        ["Data"] = ["Text", "Rng"],
        ["Text"] = ["Rng"],
        ["IO"] = ["Tensors"],
        ["Theory"] = [],
        ["Kernels"] = [],
        ["Rng"] = [],
    };

    // The rooms, as projects, and the layers that stand in each as folders. Several folders of the training are one layer: its namespace.
    private static readonly Dictionary<string, string[]> Rooms = new()
    {
        ["src/MiniTransformer"] = ["Tensors", "Backends", "Autograd", "Ops", "Nn", "Optim", "IO", "Text"],
        ["src/MiniTransformer.Training"] = ["Data", "Judges", "Theory", "Trainers", "Rewards", "Policies", "Checkpoints"],
    };

    /// <summary>All layers.</summary>
    public static IReadOnlyCollection<string> Layers { get; } = [.. Below.Keys.Where(layer => layer != "Rng")];

    /// <summary>Every folder with sources, from the repository's root, and the layer that it belongs to.</summary>
    public static IEnumerable<(string Layer, string Folder)> Folders =>
    [
        ("Kernels", "kernels"), ("Lab", "src/MiniTransformer.Lab"), ("Cli", "src/MiniTransformer.Cli"),
        .. Rooms.SelectMany(room => room.Value.Select(folder => (LayerOf(folder), $"{room.Key}/{folder}"))),
    ];

    /// <summary>The folders that a room of several layers may have.</summary>
    public static IReadOnlyDictionary<string, string[]> FoldersOfRooms => Rooms;

    private static string LayerOf(string folder) => folder is "Trainers" or "Rewards" or "Policies" or "Checkpoints" ? "Training" : folder;

    // Who reads files may use IO for it, and nothing of what IO itself stands on.
    private static readonly string[] ReadFiles = ["Data", "Text"];

    /// <summary>Every import of a file that its layer may not make.</summary>
    /// <param name="layer">The layer that the file belongs to.</param>
    /// <param name="path">Its path, for the message; the CLI's verify command may use the theory.</param>
    /// <param name="source">Its text.</param>
    public static IEnumerable<string> Breaches(string layer, string path, string source)
    {
        HashSet<string> allowed = [layer];
        Allow(layer);
        if (layer is "Cli" && !IsProof(path)) allowed.Remove("Theory");
        if (ReadFiles.Contains(layer)) allowed.Add("IO");
        string code = WithoutCommentsAndStrings(source);
        foreach (Match import in ImportPattern().Matches(code))
        {
            string name = import.Groups["layer"].Value, rest = import.Groups["rest"].Value;
            if (Layers.Contains(name) && !allowed.Contains(name) && !(name == "Tensors" && allowed.Contains("Rng") && OnlyRng(code, rest)))
                yield return $"{path}: {layer} imports {name}";
        }

        foreach (Match import in UsingPattern().Matches(code))
        {
            string name = import.Groups["name"].Value;
            bool known = Regex.IsMatch(name, @"^(MiniTransformer|System|Microsoft\.Win32)\b") // the last two are the base library's
                || (layer is "Kernels" or "Backends" && name.StartsWith("ILGPU", StringComparison.Ordinal))
                || (layer is "Cli" && Regex.IsMatch(name, "^(Spectre|OxyPlot)"));
            if (!known) yield return $"{path}: {layer} imports {name}";
        }

        void Allow(string from)
        {
            foreach (string below in Below[from])
            {
                if (allowed.Add(below)) Allow(below);
            }
        }
    }

    /// <summary>
    /// The namespaces below one that depend on each other in a circle, as "A, B"; a file depends on a namespace whose type it names, where
    /// it imports that namespace, is inside it, or writes its name before the type's.
    /// </summary>
    /// <param name="root">The namespace, such as MiniTransformer.Cli; it takes part itself.</param>
    /// <param name="sources">The sources of all its files.</param>
    public static IReadOnlyList<string> Cycles(string root, IEnumerable<string> sources)
    {
        (string Space, string Code)[] files = [.. sources.Select(WithoutCommentsAndStrings)
            .Select(code => (NamespacePattern().Match(code).Groups["name"].Value, code))];
        ILookup<string, string> types = files.SelectMany(f => TypePattern().Matches(f.Code).Select(m => (m.Groups["name"].Value, f.Space)))
            .Distinct().ToLookup(x => x.Value, x => x.Space);
        Dictionary<string, HashSet<string>> edges = files.GroupBy(f => f.Space).ToDictionary(
            g => g.Key, g => g.SelectMany(f => Named(f.Space, f.Code)).Where(space => space != g.Key).ToHashSet());

        // Those that are reached from each other are one circle.
        Dictionary<string, HashSet<string>> reached = edges.Keys.ToDictionary(space => space, Reach);
        return
        [
            .. edges.Keys.Where(a => reached[a].Contains(a))
            .GroupBy(a => string.Join(", ", reached[a].Where(b => reached[b].Contains(a)).Order(StringComparer.Ordinal)))
            .Select(g => g.Key),
        ];

        IEnumerable<string> Named(string space, string code)
        {
            string[] imported = [.. UsingPattern().Matches(code).Select(m => m.Groups["name"].Value)];
            foreach (string[] parts in WordPattern().Matches(code).Select(m => m.Value.Split('.')))
            {
                // In Options.Flag.Name each part may be a type, seen by what is written before it.
                for (int i = 0; i < parts.Length; i++)
                {
                    string written = string.Join('.', parts[..i]);
                    foreach (string of in types[parts[i]].Where(of => $"{of}.".StartsWith($"{root}.", StringComparison.Ordinal)))
                    {
                        bool seen = written.Length == 0
                            ? imported.Contains(of) || $"{space}.".StartsWith($"{of}.", StringComparison.Ordinal)
                            : $".{of}".EndsWith($".{written}", StringComparison.Ordinal);
                        if (seen) yield return of;
                    }
                }
            }
        }

        HashSet<string> Reach(string from)
        {
            var found = new HashSet<string>();
            var waiting = new Queue<string>(edges[from]);
            while (waiting.TryDequeue(out string? space))
            {
                if (!found.Add(space)) continue;
                foreach (string next in edges.GetValueOrDefault(space) ?? []) waiting.Enqueue(next);
            }

            return found;
        }
    }

    // Rng may be used without the rest of Tensors: the file names no other type of it.
    private static bool OnlyRng(string code, string rest) =>
        rest is ".Rng" || (rest.Length == 0 && !Regex.IsMatch(code, @"\b(Tensor|TokenIds|Shape|TensorOwner)\b"));

    private static bool IsProof(string path) =>
        Path.GetFileName(path) == "VerifyCommand.cs" || path.Contains("/Prove/", StringComparison.Ordinal);

    private static string WithoutCommentsAndStrings(string source) =>
        Regex.Replace(source, """
            //[^\n]*|/\*.*?\*/|\"\"\".*?\"\"\"|@?\$?"(\\.|[^"\\\n])*"
            """.Trim(), " ", RegexOptions.Singleline);

    // MiniTransformer.Layer, or Layer.Type where Layer begins the name.
    [GeneratedRegex(@"(?:\bMiniTransformer\.|(?<![\w.])(?=[A-Z]\w*\.[A-Z]))(?<layer>[A-Z]\w*)(?<rest>(\.[A-Z]\w*)?)")]
    private static partial Regex ImportPattern();

    [GeneratedRegex(@"^namespace\s+(?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();

    // The types of a file that others can name: not those inside another type.
    [GeneratedRegex(
        @"^(?:public |internal |file |abstract |sealed |static |readonly |partial |ref |unsafe )*(?:class|struct|record struct|record|interface|enum|delegate [\w<>?\[\]]+) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex TypePattern();

    // Names joined by points; what stands behind a value, such as flag.Name, begins with a small letter.
    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*(?:\.[A-Z]\w*)*")]
    private static partial Regex WordPattern();

    [GeneratedRegex(@"^\s*(global\s+)?using\s+(static\s+)?(\w+\s*=\s*)?(?<name>[A-Z][\w.]*)\s*;", RegexOptions.Multiline)]
    private static partial Regex UsingPattern();
}
