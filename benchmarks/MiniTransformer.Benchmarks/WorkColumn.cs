using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// What one call of a benchmark does: multiplications and additions, and bytes that have to be read or written at least once.
/// </summary>
public readonly record struct Work(double Flop, double Bytes, int Threads = 1);

/// <summary>A column that divides a benchmark's work by its mean time.</summary>
public sealed class WorkColumn : IColumn
{
    private readonly Func<BenchmarkCase, Work> workOf;
    private readonly Func<Work, double, string> text;

    private WorkColumn(string name, string legend, Func<BenchmarkCase, Work> workOf, Func<Work, double, string> text) =>
        (ColumnName, Legend, this.workOf, this.text) = (name, legend, workOf, text);

    /// <inheritdoc/>
    public string Id => ColumnName;

    /// <inheritdoc/>
    public string ColumnName { get; }

    /// <inheritdoc/>
    public bool AlwaysShow => true;

    /// <inheritdoc/>
    public ColumnCategory Category => ColumnCategory.Custom;

    /// <inheritdoc/>
    public int PriorityInCategory => 0;

    /// <inheritdoc/>
    public bool IsNumeric => true;

    /// <inheritdoc/>
    public UnitType UnitType => UnitType.Dimensionless;

    /// <inheritdoc/>
    public string Legend { get; }

    /// <summary>The columns GFLOP/s, of peak, and GB/s.</summary>
    public static IColumn[] All(Func<BenchmarkCase, Work> workOf) =>
    [
        new WorkColumn("GFLOP/s", "multiplications and additions over the mean time", workOf, (w, ns) => $"{w.Flop / ns:f1}"),
        new WorkColumn("of peak", "against multiply-adds in registers, per core", workOf, (w, ns) =>
            $"{100 * w.Flop / ns / (w.Threads * FmaPeak.GigaflopsPerCore):f0}%"),
        new WorkColumn("GB/s", "operands once each over the mean time", workOf, (w, ns) => $"{w.Bytes / ns:f1}"),
    ];

    /// <inheritdoc/>
    public bool IsAvailable(Summary summary) => true;

    /// <inheritdoc/>
    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    /// <inheritdoc/>
    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    /// <inheritdoc/>
    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        summary[benchmarkCase]?.ResultStatistics is { } statistics ? text(workOf(benchmarkCase), statistics.Mean) : "?";
}
