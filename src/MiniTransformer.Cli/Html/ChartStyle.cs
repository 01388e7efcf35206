using OxyPlot;

namespace MiniTransformer.Cli.Html;

/// <summary>Colours, dashes and markers of charts.</summary>
public static class ChartStyle
{
    /// <summary>
    /// The colours of series 1 to 7 on white: Okabe and Ito's palette, those that stand out from white first, black in the fifth place.
    /// </summary>
    public static IReadOnlyList<string> Light { get; } = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#16181d", "#e69f00", "#56b4e9"];

    /// <summary>The same on a dark page, where sky blue, orange and yellow stand out better than blue, vermilion and black.</summary>
    public static IReadOnlyList<string> Dark { get; } = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f4f5f7", "#d55e00", "#f0e442"];

    /// <summary>The style sheet that charts in a page need, once.</summary>
    public static string Text { get; } =
        ".chart{" + Variables(Light, "#ffffff", "#16181d", "#6d7480", "#d9dce1") + "}\n"
        + "@media screen and (prefers-color-scheme:dark){.chart{" + Variables(Dark, "#14171b", "#e6e8eb", "#8a919c", "#343941") + "}}\n";

    /// <summary>Series that can be told apart in one chart.</summary>
    public static int MostSeries => Dashes.Count;

    // Lengths of dashes and gaps; empty is a solid line.
    internal static IReadOnlyList<double[]> Dashes { get; } =
        [[], [8, 4], [2, 3], [9, 3, 2, 3], [16, 4], [9, 3, 2, 3, 2, 3], [4, 4]];

    internal static IReadOnlyList<MarkerType> Markers { get; } =
    [
        MarkerType.Circle, MarkerType.Square, MarkerType.Triangle, MarkerType.Diamond, MarkerType.Cross, MarkerType.Star, MarkerType.Circle,
    ];

    private static string Variables(IReadOnlyList<string> series, string paper, string ink, string axis, string grid) =>
        $"--paper:{paper};--ink:{ink};--axis:{axis};--grid:{grid};" + string.Concat(series.Select((colour, i) => $"--s{i + 1}:{colour};"));
}
