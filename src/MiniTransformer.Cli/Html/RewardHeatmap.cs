using System.Globalization;
using System.Text;
using MiniTransformer.Cli.Runs;

namespace MiniTransformer.Cli.Html;

/// <summary>
/// Responses with each token coloured by a recovered reward: r̂ against the first reference at first; r̂ against the others, r_Q or
/// log π_SFT at the reader's choice, without scripts. The value and the running sum stand under each token; all values and the most
/// probable other tokens appear on hover and on keyboard focus; each response shows the sum of its colours and what it must be equal to.
/// </summary>
public static class RewardHeatmap
{
    // Responses of more tokens begin with a link that leads a keyboard past them.
    private const int LongResponse = 60;

    /// <summary>The style sheet that the fragments need, once in a page.</summary>
    /// <param name="references">The most references that a fragment of the page has.</param>
    public static string Style(int references = 1) => RewardHeatmapStyle.For(references);

    /// <summary>Shows the responses as an HTML fragment; neighbours that answer the same prompt stand under it together.</summary>
    /// <param name="responses">The responses, all scored against the same references.</param>
    /// <param name="id">Distinguishes several fragments in one page: letters, digits and hyphens.</param>
    /// <exception cref="ArgumentException">The id holds other characters, there is no response, or they differ in their
    /// references.</exception>
    public static string Html(IReadOnlyList<ScoredResponse> responses, string id = "heatmap")
    {
        Check(responses, id);
        IReadOnlyList<string> references = responses[0].References;
        HeatmapScore[] scores = HeatmapScore.For(references);
        ScoredToken[] tokens = responses.SelectMany(response => response.Tokens).ToArray();
        double[] limits = scores.Select(score => HeatmapScale.Limit(tokens.Select(score.Value))).ToArray();

        var html = new StringBuilder();
        html.Append($"<div class=\"heat\" id=\"{id}\">\n<fieldset class=\"heat-pick\"><legend>Colour by</legend>\n");
        foreach (HeatmapScore score in scores)
        {
            string isChecked = score == scores[0] ? " checked" : "";
            html.Append($"<label><input type=\"radio\" name=\"{id}-score\" class=\"pick-{score.Key}\"{isChecked}> "
                + $"{score.Meaning}</label>\n");
        }

        html.Append("<label><input type=\"checkbox\" class=\"pick-sum\" checked> running sum Σ under each token</label>\n</fieldset>\n");
        for (int i = 0; i < scores.Length; i++)
        {
            bool positive = tokens.Any(token => scores[i].Value(token) > 0);
            AppendLegend(html, scores[i], limits[i], negativeOnly: !positive);
        }

        var writer = new HeatmapTokens(scores, limits, references);
        for (int i = 0; i < responses.Count; i++)
        {
            if (i == 0 || responses[i].Prompt != responses[i - 1].Prompt)
            {
                if (i > 0) html.Append("</section>\n");
                html.Append("<section class=\"heat-prompt\"><p>Prompt "
                    + $"<code>{HtmlText.Escape(HtmlText.InOrder(responses[i].Prompt))}</code></p>\n");
            }

            AppendResponse(html, responses[i], writer, $"{id}-end-{i + 1}");
        }

        return html.Append("</section>\n</div>\n").ToString();
    }

    private static void Check(IReadOnlyList<ScoredResponse> responses, string id)
    {
        if (responses.Count == 0) throw new ArgumentException("RewardHeatmap: no responses were given; at least one is needed.");
        if (id.Length == 0 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            throw new ArgumentException($"RewardHeatmap: '{id}' is no id; letters, digits and hyphens are needed.");
        foreach (ScoredResponse response in responses)
        {
            if (!response.References.SequenceEqual(responses[0].References)
                || response.Tokens.Any(t => t.ReferenceLogProbs.Count != response.References.Count))
            {
                throw new ArgumentException(
                    $"RewardHeatmap: the response to '{response.Prompt}' is scored against {string.Join(", ", response.References)}, the "
                        + "first one against "
                    + $"{string.Join(", ", responses[0].References)}; all need the same references, and every token a value for each.");
            }
        }
    }

    private static void AppendLegend(StringBuilder html, HeatmapScore score, double limit, bool negativeOnly)
    {
        html.Append($"<p class=\"heat-legend only-{score.Key}\"><span>{score.Symbol} in nats a token:</span> ");
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

    private static void AppendResponse(StringBuilder html, ScoredResponse response, HeatmapTokens writer, string end)
    {
        bool isLong = response.Tokens.Count > LongResponse;
        html.Append($"<div class=\"heat-response{(isLong ? " long" : "")}\"><p class=\"heat-head\">");
        if (response.Label is { } label) html.Append($"<b>{HtmlText.Escape(HtmlText.InOrder(label))}</b> ");
        if (response.Correct is { } correct) html.Append(correct ? "<span>✓ right</span> " : "<span>✗ wrong</span> ");
        if (!response.Ended)
        {
            html.Append("<span class=\"heat-cut\" title=\"no end token: the state after the last token is not terminal\">✂ cut off, not "
                + "ended</span> ");
        }
        writer.AppendSums(html, response);
        html.Append("</p>");
        if (isLong) html.Append($"<a class=\"heat-skip\" href=\"#{end}\">Skip {response.Tokens.Count} tokens</a>");
        html.Append("<p class=\"heat-tokens\">");
        if (response.Tokens.Count == 0) html.Append("<span>no token</span>");
        writer.Append(html, response);
        html.Append("</p>");
        if (isLong) html.Append($"<span id=\"{end}\" tabindex=\"-1\"></span>");
        html.Append("</div>\n");
    }
}
