using OxyPlot;
using OxyPlot.Series;

namespace MiniTransformer.Cli.Html;

/// <summary>
/// Measures text for a font that is not known: the reader's own, which may be as wide as DejaVu Sans or Verdana. OxyPlot's own
/// measure is far too narrow for these, and legends and axis titles would run into one another.
/// </summary>
internal sealed class WideText() : PdfRenderContext(1, 1, OxyColors.Transparent)
{
    private const double LineHeight = 1.2; // of the font size

    public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight)
    {
        if (string.IsNullOrEmpty(text)) return OxySize.Empty;
        string[] lines = text.Split('\n');
        return new OxySize(fontSize * lines.Max(line => line.Sum(Width)), fontSize * LineHeight * lines.Length);
    }

    // In units of the font size, after DejaVu Sans.
    private static double Width(char letter) => letter switch
    {
        'i' or 'l' or 'j' or 'I' or ' ' or '.' or ',' or ':' or ';' or '\'' or '|' => 0.33,
        'f' or 't' or 'r' or '(' or ')' or '[' or ']' or '-' or '/' => 0.42,
        'm' or 'w' or 'M' or 'W' or '@' or '%' => 0.98,
        '−' or '+' or '=' or '±' or '≤' or '≥' => 0.84,
        >= 'A' and <= 'Z' => 0.73,
        >= '\u0300' and <= '\u036f' => 0, // combining: the hat of r̂
        _ => 0.64,
    };
}

/// <summary>A line with about eight markers, evenly over its points, however many it has: enough to tell it from the others.</summary>
internal sealed class MarkedLine : LineSeries
{
    private const int Markers = 8;

    /// <summary>Whether every point has its marker.</summary>
    public bool MarksAll { get; init; }

    protected override void RenderLineAndMarkers(IRenderContext rc, IList<ScreenPoint> pointsToRender)
    {
        MarkerType marker = MarkerType;
        MarkerType = MarkerType.None;
        base.RenderLineAndMarkers(rc, pointsToRender);
        MarkerType = marker;

        int every = Math.Max(1, (pointsToRender.Count + Markers / 2) / Markers);
        if (MarksAll || pointsToRender.Count <= 2 * Markers) every = 1;
        ScreenPoint[] marked = [.. pointsToRender.Where((_, i) => i % every == every / 2)];
        rc.DrawMarkers(
            marked, marker, null, Enumerable.Repeat(MarkerSize, marked.Length).ToArray(), MarkerFill, MarkerStroke, MarkerStrokeThickness,
            EdgeRenderingMode.PreferGeometricAccuracy);
    }
}
