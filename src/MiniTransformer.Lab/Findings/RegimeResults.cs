
namespace MiniTransformer.Lab;

/// <summary>One row of a regime's tables: a method with its reference and setting, over the evaluation seeds.</summary>
/// <param name="Label">The arm's name in the <see cref="RegimeResults.Comparison"/>.</param>
/// <param name="Method">The method.</param>
/// <param name="Reference">The reference of r̂, or null.</param>
/// <param name="Setting">The setting as tables print it, such as "β = 3, chosen"; "–" where none was varied.</param>
/// <param name="Chosen">Whether the setting was chosen on validation prompts of the sweep's seeds.</param>
/// <param name="Cells">The results, one a seed.</param>
public sealed record MethodRow(string Label, string Method, string? Reference, string Setting, bool Chosen, IReadOnlyList<CellResult> Cells)
{
    /// <summary>Seeds in which the policy collapsed: they have no numbers, and means leave them out.</summary>
    public int Collapsed => Cells.Count(c => c.Failure is not null);
}

/// <summary>A method whose setting was chosen on the sweep's seeds.</summary>
/// <param name="Default">The row at the default setting.</param>
/// <param name="Chosen">The row at the chosen setting; the default's own where that was chosen.</param>
/// <param name="Knob">The setting's name.</param>
/// <param name="DefaultValue">Its default.</param>
/// <param name="ChosenValue">The value that was chosen.</param>
public sealed record ChosenSetting(MethodRow Default, MethodRow Chosen, string Knob, double DefaultValue, double ChosenValue);

/// <summary>The results of one regime: its rows over the evaluation seeds, and what the sweep's seeds chose.</summary>
public sealed class RegimeResults
{
    private readonly CellResult[] sweep;

    /// <summary>Collects a regime's results.</summary>
    /// <param name="regime">The regime.</param>
    /// <param name="cells">Results; those of other regimes are passed over.</param>
    /// <exception cref="ArgumentException">The regime has no result of an evaluation seed.</exception>
    public RegimeResults(Regime regime, IEnumerable<CellResult> cells)
    {
        Regime = regime;
        CellResult[] own = [.. cells.Where(c => c.Regime == regime.Name)];
        sweep = [.. own.Where(c => c.Sweep)];
        CellResult[] evaluation = [.. own.Where(c => !c.Sweep)];
        if (evaluation.Length == 0) throw new ArgumentException($"RegimeResults: regime {regime.Name} has no result of an evaluation seed; at least one cell is needed.");

        Sweep[] strengths = [.. Methods.StrengthSweeps(regime)];
        Rows = [.. evaluation.GroupBy(c => c.Label).Select(group => Row(group.Key, [.. group], strengths))];
        string[] baselines = [.. new[] { ControlMethods.Sft, ControlMethods.ContinuedSft, ControlMethods.CoolSft }.Where(name => Rows.Any(r => r.Label == name))];
        Comparison = new Comparison([.. evaluation.Select(ArmResult.Of)], baselines);
        Matched = MatchedKl.Of(sweep, regime.Name);
        Settings = sweep.Length == 0 ? [] : [.. strengths.Select(Setting).OfType<ChosenSetting>()];
    }

    /// <summary>The regime.</summary>
    public Regime Regime { get; }

    /// <summary>The rows, in the order of the cells.</summary>
    public IReadOnlyList<MethodRow> Rows { get; }

    /// <summary>The rows compared with SFT, continued SFT and SFT at a lower temperature, as far as these were run.</summary>
    public Comparison Comparison { get; }

    /// <summary>Methods at equal distance from π_SFT; null without sweeps.</summary>
    public MatchedKl? Matched { get; }

    /// <summary>The methods whose setting was chosen; empty without sweeps.</summary>
    public IReadOnlyList<ChosenSetting> Settings { get; }

    /// <summary>The sweep's results.</summary>
    public IReadOnlyList<CellResult> SweepCells => sweep;

    /// <summary>Number of the sweep's seeds.</summary>
    public int SweepSeeds => sweep.Select(c => c.Seed).Distinct().Count();

    /// <summary>Whether a row is there.</summary>
    public bool Has(string label) => Rows.Any(r => r.Label == label);

    /// <summary>The label of the row of a method with the regime's main reference at its default setting.</summary>
    public string Main(string method) => CellResult.LabelOf(method, Regime.MainReference, null, null);

    private static MethodRow Row(string label, CellResult[] cells, Sweep[] strengths)
    {
        CellResult first = cells[0];
        Sweep? varied = strengths.FirstOrDefault(s => s.At(s.Default) is var m && m.Name == first.Method && m.Reference == first.Reference);
        (string? knob, double? value) = first.Knob is null && varied is not null ? (varied.At(varied.Default).Knob, varied.Default) : (first.Knob, first.Value);
        string setting = value is { } at ? $"{knob} = {Numbers.Plain(at)}{(first.Chosen ? ", chosen" : "")}" : Numbers.None;
        return new MethodRow(label, first.Method, first.Reference, setting, first.Chosen, cells);
    }

    private ChosenSetting? Setting(Sweep strengths)
    {
        Method preset = strengths.At(strengths.Default);
        MethodRow? row = Rows.FirstOrDefault(r => r is { Chosen: false } && r.Method == preset.Name && r.Reference == preset.Reference && r.Cells[0].Knob is null);
        if (row is null || Selection.Best(sweep, Regime.Name, preset) is not { } best) return null;
        if (best == strengths.Default) return new ChosenSetting(row, row, preset.Knob!, strengths.Default, best);
        MethodRow? chosen = Rows.FirstOrDefault(r => r.Chosen && r.Method == preset.Name && r.Reference == preset.Reference && r.Cells[0].Value == best);
        return chosen is null ? null : new ChosenSetting(row, chosen, preset.Knob!, strengths.Default, best);
    }
}
