namespace MiniTransformer.Lab;

/// <summary>A method with its reference and setting, over the seeds that it was run in.</summary>
/// <param name="Setting">The setting as tables print it, such as "β = 3, chosen"; "–" where none was varied.</param>
/// <param name="Results">The results, one a seed.</param>
public sealed record ComparedMethod(string Setting, IReadOnlyList<MethodResult> Results)
{
    /// <summary>What the <see cref="RegimeResults.Comparison"/> knows it by.</summary>
    public string Label => Results[0].Label;

    /// <summary>The method.</summary>
    public string Method => Results[0].Method;

    /// <summary>What it is in the comparison.</summary>
    public MethodRole Role => Results[0].Role;

    /// <summary>The reference of r̂, or null.</summary>
    public string? Reference => Results[0].Reference;

    /// <summary>The setting that was varied, or null.</summary>
    public string? Knob => Results[0].Knob;

    /// <summary>Whether the setting was chosen on validation prompts of the sweep's seeds.</summary>
    public bool Chosen => Results[0].Chosen;

    /// <summary>Seeds in which the policy collapsed: they have no numbers, and means leave them out.</summary>
    public int Collapsed => Results.Count(r => r.Failure is not null);
}

/// <summary>A method whose setting was chosen on the sweep's seeds.</summary>
/// <param name="Default">The method at the default setting.</param>
/// <param name="Chosen">The method at the chosen setting; the default's own where that was chosen.</param>
/// <param name="Knob">The setting's name.</param>
/// <param name="DefaultValue">Its default.</param>
/// <param name="ChosenValue">The value that was chosen.</param>
public sealed record ChosenSetting(ComparedMethod Default, ComparedMethod Chosen, string Knob, double DefaultValue, double ChosenValue);

/// <summary>The results of one regime: its methods over the evaluation seeds, and what the sweep's seeds chose.</summary>
public sealed class RegimeResults
{
    private readonly MethodResult[] sweep;

    /// <summary>Collects a regime's results.</summary>
    /// <param name="regime">The regime.</param>
    /// <param name="results">Results; those of other regimes are passed over.</param>
    /// <exception cref="ArgumentException">The regime has no result of an evaluation seed.</exception>
    public RegimeResults(Regime regime, IEnumerable<MethodResult> results)
    {
        Regime = regime;
        MethodResult[] own = [.. results.Where(r => r.Regime == regime.Name)];
        sweep = [.. own.Where(r => r.Sweep)];
        MethodResult[] evaluation = [.. own.Where(r => !r.Sweep)];
        if (evaluation.Length == 0)
            throw new ArgumentException($"RegimeResults: regime {regime.Name} has no result of an evaluation seed; at least one is "
                + "needed.");

        Sweep[] strengths = [.. Methods.StrengthSweeps(regime)];
        Compared =
        [
            .. evaluation.GroupBy(r => r.Label).Select(group => new ComparedMethod(SettingOf(group.First(), strengths), [.. group])),
        ];
        MethodRole[] controls = [MethodRole.Sft, MethodRole.ContinuedSft, MethodRole.CoolSft];
        Comparison = new Comparison(evaluation, [.. controls.Select(Main).OfType<ComparedMethod>().Select(m => m.Label)]);
        Matched = MatchedKl.Of(sweep, regime.Name);
        Settings = sweep.Length == 0 ? [] : [.. strengths.Select(Setting).OfType<ChosenSetting>()];
    }

    /// <summary>The regime.</summary>
    public Regime Regime { get; }

    /// <summary>The methods, in the order of the results.</summary>
    public IReadOnlyList<ComparedMethod> Compared { get; }

    /// <summary>The methods compared with SFT, continued SFT and SFT at a lower temperature, as far as these were run.</summary>
    public Comparison Comparison { get; }

    /// <summary>Methods at equal distance from π_SFT; null without sweeps.</summary>
    public MatchedKl? Matched { get; }

    /// <summary>The methods whose setting was chosen; empty without sweeps.</summary>
    public IReadOnlyList<ChosenSetting> Settings { get; }

    /// <summary>The sweep's results.</summary>
    public IReadOnlyList<MethodResult> SweepResults => sweep;

    /// <summary>Number of the sweep's seeds.</summary>
    public int SweepSeeds => sweep.Select(r => r.Seed).Distinct().Count();

    /// <summary>
    /// The method of a role at its default setting, with the regime's main reference where it has one; null where it was not run.
    /// </summary>
    public ComparedMethod? Main(MethodRole role) =>
        Compared.FirstOrDefault(m => m.Role == role && m.Knob is null && (m.Reference is null || m.Reference == Regime.MainReference));

    private static string SettingOf(MethodResult first, Sweep[] strengths)
    {
        Sweep? varied = strengths.FirstOrDefault(s => s.At(s.Default) is var m && m.Name == first.Method && m.Reference == first.Reference);
        (string? knob, double? value) = first.Knob is null && varied is not null
            ? (varied.At(varied.Default).Knob, varied.Default)
            : (first.Knob, first.Value);
        return value is { } at ? $"{knob} = {Numbers.Plain(at)}{(first.Chosen ? ", chosen" : "")}" : Numbers.None;
    }

    private ChosenSetting? Setting(Sweep strengths)
    {
        Method preset = strengths.At(strengths.Default);
        ComparedMethod? unvaried = Of(preset).FirstOrDefault(m => m is { Chosen: false, Knob: null });
        if (unvaried is null || Selection.Best(sweep, Regime.Name, preset) is not { } best) return null;
        if (best == strengths.Default) return new ChosenSetting(unvaried, unvaried, preset.Knob!, strengths.Default, best);
        ComparedMethod? chosen = Of(preset).FirstOrDefault(m => m.Chosen && m.Results[0].Value == best);
        return chosen is null ? null : new ChosenSetting(unvaried, chosen, preset.Knob!, strengths.Default, best);
    }

    private IEnumerable<ComparedMethod> Of(Method method) =>
        Compared.Where(m => m.Method == method.Name && m.Reference == method.Reference);
}
