using System.Globalization;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace MiniTransformer.Cli.Html;

/// <summary>How a series is drawn.</summary>
public enum ChartMark
{
    /// <summary>A line with markers.</summary>
    MarkedLine,

    /// <summary>A line alone, such as a level to compare with.</summary>
    Line,

    /// <summary>Markers alone: a scatter of points, all of them drawn.</summary>
    Points,
}

/// <summary>One line of a chart.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="X">Abscissas, in drawing order.</param>
/// <param name="Y">Ordinates, as many as abscissas; NaN breaks the line.</param>
/// <param name="Low">Lower edge of a band around the line, such as an interval's lower end; null for none.</param>
/// <param name="High">Upper edge of the band.</param>
public sealed record ChartSeries(
    string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, IReadOnlyList<double>? Low = null, IReadOnlyList<double>? High = null)
{
    /// <summary>How it is drawn.</summary>
    public ChartMark Mark { get; init; }
}

/// <summary>
/// A line or scatter chart as SVG: drawn by OxyPlot, then recoloured by CSS variables, so that it follows a dark or light page and scales
/// with it. Series differ by colour (Okabe and Ito's, for the colour-blind), by dashes and by markers.
/// </summary>
/// <param name="Title">What the chart shows.</param>
/// <param name="XTitle">The horizontal axis, with its unit.</param>
/// <param name="YTitle">The vertical axis, with its unit.</param>
/// <param name="Series">The lines, at most seven.</param>
public sealed record Chart(string Title, string XTitle, string YTitle, IReadOnlyList<ChartSeries> Series)
{
    // Points of a line before neighbours are averaged: more than the chart has pixels to show.
    private const int MostPoints = 240;

    private const double FontSize = 13;

    /// <summary>Where the vertical axis begins; chosen from the data when null.</summary>
    public double? YMinimum { get; init; }

    /// <summary>Where the vertical axis ends; chosen from the data when null.</summary>
    public double? YMaximum { get; init; }

    /// <summary>Names of the abscissas 0, 1, 2, … where these are kinds and not numbers; null for a numeric axis.</summary>
    public IReadOnlyList<string>? Categories { get; init; }

    /// <summary>Width of the drawing in its own units; a page scales it.</summary>
    public double Width { get; init; } = 660;

    /// <summary>Height of the drawing in its own units.</summary>
    public double Height { get; init; } = 340;

    /// <summary>The SVG element to stand in a page that defines <see cref="ChartStyle.Text"/>; without any link or XML prologue.</summary>
    /// <param name="id">Distinguishes the charts of a page: letters, digits and hyphens.</param>
    public string ToSvg(string id = "chart") => ChartSvg.Restyle(Draw(), this, id, standalone: false);

    /// <summary>The chart as an SVG file of its own, which follows the reader's dark or light setting.</summary>
    public string ToSvgFile() => ChartSvg.Restyle(Draw(), this, "chart", standalone: true);

    // Long series are drawn as the means of runs of neighbours.
    internal static (double[] X, double[] Y) Thin(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        int run = (x.Count + MostPoints - 1) / MostPoints;
        if (run <= 1) return ([.. x], [.. y]);
        return (Means(x, run), Means(y, run));
    }

    private static double[] Means(IReadOnlyList<double> values, int run)
    {
        double[] means = new double[(values.Count + run - 1) / run];
        for (int i = 0; i < means.Length; i++)
        {
            int start = i * run, end = Math.Min(values.Count, start + run);
            for (int j = start; j < end; j++) means[i] += values[j] / (end - start);
        }

        return means;
    }

    private string Draw()
    {
        Check();
        var model = new PlotModel
        {
            DefaultFont = "Helvetica",
            DefaultFontSize = FontSize,
            TextColor = ChartSvg.Ink,
            PlotAreaBorderThickness = new OxyThickness(0),
            Padding = new OxyThickness(4, 8, 12, 4),
        };
        Axis horizontal = Axis(AxisPosition.Bottom, XTitle);
        if (Categories is { } names)
        {
            (horizontal.Minimum, horizontal.Maximum, horizontal.MajorStep) = (-.3, names.Count - .7, 1);
            horizontal.LabelFormatter = value => Math.Round(value) is var i && i == value && i >= 0 && i < names.Count ? names[(int)i] : "";
        }

        model.Axes.Add(horizontal);
        Axis vertical = Axis(AxisPosition.Left, YTitle);
        if (YMinimum is { } low) (vertical.Minimum, vertical.MinimumPadding) = (low, 0);
        if (YMaximum is { } high) (vertical.Maximum, vertical.MaximumPadding) = (high, 0);
        model.Axes.Add(vertical);
        model.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside,
            LegendPosition = LegendPosition.BottomLeft,
            LegendOrientation = LegendOrientation.Horizontal,
            LegendFontSize = FontSize,
            LegendSymbolLength = 34,
            LegendItemSpacing = 22,
            LegendLineSpacing = 4,
            LegendMargin = 10,
            LegendPadding = 0,
            LegendTextColor = ChartSvg.Ink,
        });

        // Bands first, so that no band covers a line.
        for (int i = 0; i < Series.Count; i++)
        {
            if (Series[i].Low is not { } lower || Series[i].High is not { } upper) continue;
            OxyColor pale = OxyColor.FromAColor(38, ChartSvg.SeriesColour(i));
            var band = new AreaSeries { Fill = pale, StrokeThickness = 0, RenderInLegend = false };
            (double[] x, double[] lows) = Thin(Series[i].X, lower);
            (_, double[] highs) = Thin(Series[i].X, upper);
            for (int p = 0; p < x.Length; p++)
            {
                if (double.IsNaN(lows[p]) || double.IsNaN(highs[p])) continue;
                band.Points.Add(new DataPoint(x[p], lows[p]));
                band.Points2.Add(new DataPoint(x[p], highs[p]));
            }

            if (band.Points.Count > 0) model.Series.Add(band);
        }

        for (int i = 0; i < Series.Count; i++)
        {
            ChartMark mark = Series[i].Mark;
            (double[] x, double[] y) = mark == ChartMark.Points ? ([.. Series[i].X], [.. Series[i].Y]) : Thin(Series[i].X, Series[i].Y);
            var line = new MarkedLine
            {
                Title = Series[i].Name,
                Color = ChartSvg.SeriesColour(i),
                StrokeThickness = mark == ChartMark.Points ? 0 : 2,
                Dashes = ChartStyle.Dashes[i],
                LineJoin = LineJoin.Round,
                MarksAll = mark == ChartMark.Points,
                MarkerType = mark == ChartMark.Line ? MarkerType.None : ChartStyle.Markers[i],
                MarkerSize = mark == ChartMark.Points ? 3 : 4,
                MarkerFill = ChartSvg.SeriesColour(i),
                MarkerStroke = ChartSvg.SeriesColour(i),
                MarkerStrokeThickness = ChartStyle.Markers[i] is MarkerType.Cross or MarkerType.Star ? 1.6 : 0,
                RenderInLegend = Series.Count > 1,
            };
            for (int p = 0; p < x.Length; p++) line.Points.Add(new DataPoint(x[p], y[p]));
            model.Series.Add(line);
        }

        return new SvgExporter { Width = Width, Height = Height, TextMeasurer = new WideText() }.ExportToString(model);
    }

    private void Check()
    {
        if (Series.Count > ChartStyle.Dashes.Count)
        {
            throw new ArgumentException(
                $"Chart '{Title}': {Series.Count} series, but only {ChartStyle.Dashes.Count} can be told apart. Split the chart.");
        }

        foreach (ChartSeries series in Series)
        {
            int count = series.X.Count;
            if (series.Y.Count != count || (series.Low ?? series.X).Count != count || (series.High ?? series.X).Count != count)
            {
                throw new ArgumentException(
                    $"Chart '{Title}': series '{series.Name}' has {count} abscissas, {series.Y.Count} ordinates and a band of "
                    + $"{series.Low?.Count ?? 0} and {series.High?.Count ?? 0}; they must be equally many.");
            }
        }
    }

    private static LinearAxis Axis(AxisPosition position, string title) => new()
    {
        Position = position,
        Title = title,
        TitleFontSize = FontSize,
        FontSize = FontSize,
        AxislineStyle = position == AxisPosition.Bottom ? LineStyle.Solid : LineStyle.None,
        AxislineColor = ChartSvg.Axis,
        TicklineColor = ChartSvg.Axis,
        TickStyle = position == AxisPosition.Bottom ? TickStyle.Outside : TickStyle.None,
        MinorTickSize = 0,
        MajorTickSize = 4,
        AxisTitleDistance = 8,
        MajorGridlineStyle = position == AxisPosition.Left ? LineStyle.Solid : LineStyle.None,
        MajorGridlineColor = ChartSvg.Grid,
        TextColor = ChartSvg.Ink,
        TitleColor = ChartSvg.Ink,
        MinimumPadding = position == AxisPosition.Bottom ? 0.01 : 0.04,
        MaximumPadding = position == AxisPosition.Bottom ? 0.02 : 0.04,
        IntervalLength = position == AxisPosition.Bottom ? 80 : 38,
        LabelFormatter = value => TickLabel(value),
    };

    // 2,400 and −0.5; the sum of steps that should be zero may be −1e-17.
    private static string TickLabel(double value)
    {
        string text = Math.Abs(value) is > 0 and < 1e-4 && Math.Round(value, 12) != 0
            ? Math.Abs(value).ToString("0.##e0", CultureInfo.InvariantCulture)
            : Math.Abs(value).ToString("#,0.######", CultureInfo.InvariantCulture);
        return value < 0 && text != "0" ? "−" + text : text;
    }
}
