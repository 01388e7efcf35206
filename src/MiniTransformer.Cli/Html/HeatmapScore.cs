using System.Globalization;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>One of the scores that tokens can be coloured by.</summary>
/// <param name="Key">Names it in classes and attributes: r0, r1 … for the references, q and s.</param>
/// <param name="Symbol">As HTML.</param>
/// <param name="Meaning">As HTML: the formula or what it is.</param>
/// <param name="Value">The token's value, in nats.</param>
internal sealed record HeatmapScore(string Key, string Symbol, string Meaning, Func<ScoredToken, double> Value)
{
    /// <summary>r̂ for each reference, r_Q, log π_SFT.</summary>
    public static HeatmapScore[] For(IReadOnlyList<string> references)
    {
        var scores = new List<HeatmapScore>();
        for (int i = 0; i < references.Count; i++)
        {
            int reference = i;
            string symbol = references.Count == 1 ? "r̂" : $"r̂<sub>{Name(references[i])}</sub>";
            scores.Add(new HeatmapScore(
                $"r{i}", symbol, $"{symbol} = log {PolicySft} − log {Policy(references[i])}", token => token.RHat(reference)));
        }

        scores.Add(new HeatmapScore("q", "r<sub>Q</sub>", "r<sub>Q</sub>, the inverse-Bellman reward", token => token.RQ));
        scores.Add(new HeatmapScore("s", $"log {PolicySft}", $"log {PolicySft}, the shaped reward", token => token.LogProb));
        return [.. scores];
    }

    /// <summary>π_SFT as HTML.</summary>
    public const string PolicySft = "π<sub>SFT</sub>";

    /// <summary>π of a reference as HTML.</summary>
    public static string Policy(string reference) => $"π<sub>{Name(reference)}</sub>";

    /// <summary>+1.2345 nats, without a sign where it rounds to nothing.</summary>
    public static string Exact(double value) => Signed(value, "0.0000");

    /// <summary>+1.2, with as many decimals as a scale that ends at <paramref name="limit"/> needs.</summary>
    public static string Short(double value, double limit) => Signed(value, limit >= 1 ? "0.0" : limit >= .1 ? "0.00" : "0.000");

    /// <summary>A reference's name as text: what prints nothing is visible in it, but for its spaces.</summary>
    public static string Plain(string reference) => HtmlText.Visible(reference).Replace('␣', ' ');

    private static string Name(string reference) => HtmlText.Escape(Plain(reference));

    private static string Signed(double value, string format)
    {
        if (double.IsNaN(value)) return Numbers.None;
        if (double.IsInfinity(value)) return value > 0 ? "+∞" : "−∞";
        string text = Math.Abs(value).ToString(format, CultureInfo.InvariantCulture);
        return text.All(c => c is '0' or '.') ? text : (value < 0 ? "−" : "+") + text;
    }
}
