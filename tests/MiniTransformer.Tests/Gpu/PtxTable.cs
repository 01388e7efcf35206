using System.Globalization;
using System.Reflection;
using System.Text;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// What each kernel uses on each architecture, written as Markdown to the file that MINITRANSFORMER_PTX_TABLE names, if it does.
/// </summary>
public sealed class PtxTable : IDisposable
{
    private static readonly string Header =
        $"| kernel | registers: {string.Join(" | ", PtxCompiler.Architectures.Keys)} | shared memory, B | stack, B | spilled, B "
            + "|\n|---|---:|---:|---:|---:|---:|---:|\n";

    private readonly PtxCompiler compiler = new();
    private readonly Dictionary<(MethodInfo, string), string> ptx = [];
    private readonly SortedSet<string> rows = new(StringComparer.Ordinal);

    internal string Compile(MethodInfo kernel, string architecture)
    {
        if (!ptx.TryGetValue((kernel, architecture), out string? text))
        {
            ptx.Add((kernel, architecture), text = compiler.Compile(kernel, architecture));
        }
        return text;
    }

    // Registers on each architecture; of the rest what the worst needs.
    internal string Add(string kernel, IReadOnlyList<PtxUse?> uses)
    {
        string registers = string.Join(" | ",
            uses.Select(use => use is null ? "-" : use.Value.Registers.ToString(CultureInfo.InvariantCulture)));
        string row = $"| {kernel} | {registers} | {uses.Max(use => use?.SharedMemory)} | {uses.Max(use => use?.Stack)} | "
            + $"{uses.Max(use => use?.SpillStores + use?.SpillLoads)} |";
        rows.Add(row);
        return row;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        compiler.Dispose();
        if (Environment.GetEnvironmentVariable("MINITRANSFORMER_PTX_TABLE") is not { Length: > 0 } file || rows.Count == 0) return;
        var text = new StringBuilder(Header);
        foreach (string row in rows) text.Append(row).Append('\n');
        File.WriteAllText(file, text.ToString());
    }
}
