namespace MiniTransformer.Cli.Html;

/// <summary>
/// A diverging scale in nine levels: blue above zero, orange below, the two that the common forms of colour blindness keep apart.
/// Levels of equal strength have equal relative luminance, so that neither side looks stronger, and the text on every level keeps a
/// contrast of at least 4.5 : 1 (WCAG 2 AA).
/// </summary>
public static class HeatmapScale
{
    /// <summary>Levels on either side of zero.</summary>
    public const int Strongest = 4;

    /// <summary>
    /// Ink on a light page, and background of levels −4 … 4: OKLCH hues 58° and 250° at the luminances .33, .46, .62, .80.
    /// </summary>
    public static (string Ink, IReadOnlyList<string> Levels) Light { get; } =
        ("#16181d", ["#e7821d", "#f5a25e", "#fec296", "#ffe2cd", "#f1f2f4", "#d5eaff", "#a8d3ff", "#77bafe", "#3fa0fa"]);

    /// <summary>Ink on a dark page, and background of levels −4 … 4 (luminances .14, .095, .06, .035).</summary>
    public static (string Ink, IReadOnlyList<string> Levels) Dark { get; } =
        ("#f4f5f7", ["#9f5604", "#824914", "#653c19", "#492f1a", "#262a31", "#20364d", "#23486c", "#24598c", "#236bad"]);

    /// <summary>The level of a value: round(4 · value / limit), cut to −4 … 4; not a number is level 0.</summary>
    /// <param name="value">The value.</param>
    /// <param name="limit">The value at which the scale ends.</param>
    public static int Level(double value, double limit)
    {
        if (double.IsNaN(value)) return 0;
        return (int)Math.Round(Math.Clamp(Strongest * value / limit, -Strongest, Strongest), MidpointRounding.AwayFromZero);
    }

    /// <summary>
    /// Where the scale ends: the 95% quantile of |value|, so that one rare token does not bleach all others, rounded up to
    /// 1, 2, 4 or 8 times a power of ten.
    /// </summary>
    public static double Limit(IEnumerable<double> values)
    {
        double[] sizes = values.Where(double.IsFinite).Select(Math.Abs).Order().ToArray();
        double wanted = sizes.Length == 0 ? 1 : sizes[(int)Math.Ceiling(0.95 * (sizes.Length - 1))];
        if (wanted < 1e-6) return 1;
        double power = Math.Pow(10, Math.Floor(Math.Log10(wanted)));
        foreach (double step in new[] { 1.0, 2, 4, 8 })
        {
            if (wanted <= step * power * (1 + 1e-9)) return step * power;
        }

        return 10 * power;
    }

    // The CSS variable of a level: --n4 … --n1, --z, --p1 … --p4.
    internal static string Variable(int level) => level == 0 ? "--z" : level < 0 ? $"--n{-level}" : $"--p{level}";

    internal static string Variables((string Ink, IReadOnlyList<string> Levels) theme) =>
        $"--heat-ink:{theme.Ink};" + string.Concat(theme.Levels.Select((colour, i) => $"{Variable(i - Strongest)}:{colour};"));
}
