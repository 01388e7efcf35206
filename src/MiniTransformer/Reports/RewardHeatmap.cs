using System.Globalization;
using System.Text;

namespace MiniTransformer.Reports;

/// <summary>
/// Responses with each token coloured by a recovered reward: r̂ at first, r_Q or log π_SFT at the reader's choice, without scripts.
/// The value stands under each token, all values appear on hover and on keyboard focus, and each response shows its sum.
/// </summary>
public static class RewardHeatmap
{
    private sealed record Score(string Key, string Symbol, string Meaning, Func<ScoredToken, double> Value);

    private static readonly Score[] Scores =
    [
        new("r", "r̂", "r̂ = log π_SFT − log π_ref", token => token.RHat),
        new("q", "r_Q", "r_Q, the inverse-Bellman reward", token => token.RQ),
        new("s", "log π_SFT", "log π_SFT, the shaped reward", token => token.Shaped),
    ];

    /// <summary>The style sheet that the fragments need, once in a page.</summary>
    public static string Style { get; } = RewardHeatmapStyle.Text;

    /// <summary>Shows the responses as an HTML fragment; neighbours that answer the same prompt stand under it together.</summary>
    /// <param name="responses">The responses.</param>
    /// <param name="id">Distinguishes several fragments in one page: letters, digits and hyphens.</param>
    /// <exception cref="ArgumentException">The id holds other characters, or there is no response.</exception>
    public static string Html(IReadOnlyList<ScoredResponse> responses, string id = "heatmap")
    {
        if (responses.Count == 0) throw new ArgumentException("RewardHeatmap: no responses were given; at least one is needed.");
        if (id.Length == 0 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            throw new ArgumentException($"RewardHeatmap: '{id}' is no id; letters, digits and hyphens are needed.");
        }

        ScoredToken[] tokens = responses.SelectMany(response => response.Tokens).ToArray();
        double[] limits = Scores.Select(score => HeatmapScale.Limit(tokens.Select(score.Value))).ToArray();

        var html = new StringBuilder();
        html.Append($"<div class=\"heat\" id=\"{id}\">\n<fieldset class=\"heat-pick\"><legend>Colour by</legend>\n");
        foreach (Score score in Scores)
        {
            string isChecked = score == Scores[0] ? " checked" : "";
            html.Append($"<label><input type=\"radio\" name=\"{id}-score\" class=\"pick-{score.Key}\"{isChecked}> ");
            html.Append($"{Label(score.Meaning)}</label>\n");
        }

        html.Append("</fieldset>\n");
        for (int i = 0; i < Scores.Length; i++)
        {
            bool positive = tokens.Any(token => Scores[i].Value(token) > 0);
            AppendLegend(html, Scores[i], limits[i], negativeOnly: !positive);
        }


        for (int i = 0; i < responses.Count; i++)
        {
            if (i == 0 || responses[i].Prompt != responses[i - 1].Prompt)
            {
                if (i > 0) html.Append("</section>\n");
                html.Append($"<section class=\"heat-prompt\"><p>Prompt <code>{HtmlText.Escape(responses[i].Prompt)}</code></p>\n");
            }

            AppendResponse(html, responses[i], limits);
        }

        return html.Append("</section>\n</div>\n").ToString();
    }

    private static void AppendLegend(StringBuilder html, Score score, double limit, bool negativeOnly)
    {
        html.Append($"<p class=\"heat-legend only-{score.Key}\"><span>{Label(score.Symbol)} in nats a token:</span> ");
        html.Append("<span class=\"heat-scale\">");
        int last = negativeOnly ? 0 : HeatmapScale.Strongest;
        for (int level = -HeatmapScale.Strongest; level <= last; level++)
        {
            double value = level * limit / HeatmapScale.Strongest;
            string text = (level < 0 ? "−" : level > 0 ? "+" : "") + Math.Abs(value).ToString("0.###", CultureInfo.InvariantCulture);
            if (level == -HeatmapScale.Strongest) text = "≤ " + text;
            if (level == HeatmapScale.Strongest) text = "≥ " + text;
            html.Append($"<span style=\"background:var({HeatmapScale.Variable(level)})\">{text}</span>");
        }

        html.Append("</span></p>\n");
    }

    private static void AppendResponse(StringBuilder html, ScoredResponse response, double[] limits)
    {
        html.Append("<div class=\"heat-response\"><p class=\"heat-head\">");
        if (response.Label is { } label) html.Append($"<b>{HtmlText.Escape(label)}</b> ");
        if (response.Correct is { } correct) html.Append(correct ? "<span>✓ right</span> " : "<span>✗ wrong</span> ");
        foreach (Score score in Scores)
        {
            double sum = response.Tokens.Sum(score.Value);
            html.Append($"<span class=\"heat-sum only-{score.Key}\">Σ {Label(score.Symbol)} = {Exact(sum)} nats</span>");
        }

        html.Append("</p><p class=\"heat-tokens\">");
        foreach (ScoredToken token in response.Tokens)
        {
            string text = HtmlText.Escape(HtmlText.Visible(token.Text));
            string all = $"{text} (id {token.Id}): r̂ {Exact(token.RHat)}, r_Q {Exact(token.RQ)}, "
                + $"log π_SFT {Exact(token.LogProb)}, log π_ref {Exact(token.ReferenceLogProb)} nats";
            html.Append("<span class=\"tok\" tabindex=\"0\" role=\"img\" aria-label=\"").Append(all).Append("\" style=\"");
            for (int i = 0; i < Scores.Length; i++)
            {
                html.Append($"--{Scores[i].Key}:var({HeatmapScale.Variable(HeatmapScale.Level(Scores[i].Value(token), limits[i]))});");
            }

            html.Append('"');
            foreach (Score score in Scores) html.Append($" data-{score.Key}=\"{Short(score.Value(token))}\"");
            html.Append($">{text}</span>\n");
        }

        html.Append("</p></div>\n");
    }

    // r_Q and π_SFT with true subscripts.
    private static string Label(string symbol) => symbol
        .Replace("r_Q", "r<sub>Q</sub>", StringComparison.Ordinal)
        .Replace("π_SFT", "π<sub>SFT</sub>", StringComparison.Ordinal)
        .Replace("π_ref", "π<sub>ref</sub>", StringComparison.Ordinal);

    private static string Exact(double value) => Signed(value, "0.0000");

    private static string Short(double value) => Signed(value, "0.0");

    private static string Signed(double value, string format)
    {
        if (double.IsNaN(value)) return Numbers.None;
        if (double.IsInfinity(value)) return value > 0 ? "+∞" : "−∞";
        string text = Math.Abs(value).ToString(format, CultureInfo.InvariantCulture);
        return text.All(c => c is '0' or '.') ? text : (value < 0 ? "−" : "+") + text;
    }
}
