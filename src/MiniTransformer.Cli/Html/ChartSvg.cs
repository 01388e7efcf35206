using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using OxyPlot;

namespace MiniTransformer.Cli.Html;

/// <summary>
/// Turns OxyPlot's SVG into one for a page: placeholder colours become CSS variables, the fixed size a viewBox, Helvetica the reader's
/// own font, ids unique; and it gains a title and a description for those who cannot see it.
/// </summary>
internal static partial class ChartSvg
{
    // Placeholders: colours that no chart uses otherwise.
    internal static readonly OxyColor Ink = OxyColor.FromRgb(1, 2, 3);
    internal static readonly OxyColor Axis = OxyColor.FromRgb(2, 3, 4);
    internal static readonly OxyColor Grid = OxyColor.FromRgb(3, 4, 5);

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    internal static OxyColor SeriesColour(int index) => OxyColor.FromRgb(9, 8, (byte)(index + 1));

    internal static string Restyle(string oxySvg, Chart chart, string id, bool standalone)
    {
        if (id.Length == 0 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            throw new ArgumentException($"Chart '{chart.Title}': '{id}' is no id; letters, digits and hyphens are needed.");
        }

        XElement root = XElement.Parse(oxySvg[oxySvg.IndexOf("<svg", StringComparison.Ordinal)..]);
        foreach (XElement element in root.Descendants().ToArray())
        {
            foreach (XAttribute attribute in element.Attributes().ToArray())
            {
                attribute.Value = Rewrite(attribute.Name.LocalName, attribute.Value, id);
                if (attribute.Name.LocalName is "font-family" or "font-weight" or "shape-rendering") attribute.Remove();
            }

            // Outlines of zero width are edges of bands and of the plot: nothing to see.
            bool invisible = NoWidth().IsMatch((string?)element.Attribute("style") ?? "");
            if (invisible && element.Name.LocalName is ("polyline" or "rect")) element.Remove();
        }

        var document = new XElement(
            Svg + "svg",
            new XAttribute("class", "chart"),
            new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {chart.Width} {chart.Height}")),
            new XAttribute("role", "img"),
            new XAttribute("aria-labelledby", $"{id}-title {id}-desc"),
            new XAttribute("font-family", "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"),
            new XElement(Svg + "title", new XAttribute("id", $"{id}-title"), chart.Title),
            new XElement(Svg + "desc", new XAttribute("id", $"{id}-desc"), Description(chart)));
        if (standalone)
        {
            // A file cannot know the page around it: it brings its own paper.
            document.Add(new XElement(Svg + "style", ChartStyle.Text));
            document.Add(new XElement(
                Svg + "rect", new XAttribute("width", "100%"), new XAttribute("height", "100%"), new XAttribute("fill", "var(--paper)")));
        }

        document.Add(root.Elements());

        string text = document.ToString(SaveOptions.DisableFormatting);
        return standalone ? text + "\n" : text.Replace($" xmlns=\"{Svg}\"", "", StringComparison.Ordinal);
    }

    private static string Rewrite(string name, string value, string id)
    {
        value = Colour().Replace(value, match => Variable(match));
        value = value.Replace("clipPath", $"{id}-clip", StringComparison.Ordinal);
        if (name is "points" or "transform" or "cx" or "cy" or "x" or "y" or "width" or "height" or "x1" or "x2" or "y1" or "y2" or "d")
        {
            value = LongNumber().Replace(value, match =>
                Math.Round(double.Parse(match.Value, CultureInfo.InvariantCulture), 1).ToString(CultureInfo.InvariantCulture));
        }

        return value;
    }

    private static string Variable(Match match)
    {
        byte[] rgb = [.. match.Groups.Values.Skip(1).Select(group => byte.Parse(group.Value, CultureInfo.InvariantCulture))];
        return rgb switch
        {
            [1, 2, 3] => "var(--ink)",
            [2, 3, 4] => "var(--axis)",
            [3, 4, 5] => "var(--grid)",
            [9, 8, var index] => $"var(--s{index})",
            _ => match.Value,
        };
    }

    // The chart in words: what a reader who cannot see it needs most.
    private static string Description(Chart chart)
    {
        IEnumerable<string> lines = chart.Series.Where(series => series.Y.Any(double.IsFinite)).Select(series =>
        {
            double[] finite = [.. series.Y.Where(double.IsFinite)];
            if (series.Mark == ChartMark.Points)
            {
                return $"{series.Name}: {finite.Length} points from {Number(finite.Min())} to {Number(finite.Max())}";
            }
            int first = Enumerable.Range(0, series.Y.Count).First(i => double.IsFinite(series.Y[i]));
            int last = Enumerable.Range(0, series.Y.Count).Last(i => double.IsFinite(series.Y[i]));
            return $"{series.Name}: from {Number(series.Y[first])} at {Place(series.X[first])} to {Number(series.Y[last])} at "
                + $"{Place(series.X[last])}";
        });
        string kind = chart.Series.Any(series => series.Mark == ChartMark.Points) ? "Scatter chart" : "Line chart";
        return $"{kind} of {chart.YTitle} against {chart.XTitle}. {string.Join("; ", lines)}.";

        string Place(double x) => chart.Categories is { } names && x >= 0 && x < names.Count ? names[(int)x] : Number(x);
    }

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture).Replace('-', '−');

    [GeneratedRegex(@"rgb\((\d+),\s*(\d+),\s*(\d+)\)")]
    private static partial Regex Colour();

    [GeneratedRegex("fill:none;.*stroke-width:0(;|$)")]
    private static partial Regex NoWidth();

    [GeneratedRegex(@"-?\d+\.\d{2,}")]
    private static partial Regex LongNumber();
}
