using System.Globalization;
using System.Text;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>Writes a response's tokens, what appears on hover and focus, and the sums.</summary>
internal sealed class HeatmapTokens(HeatmapScore[] scores, double[] limits, IReadOnlyList<string> references)
{
    // Letters of a reference's name that fit above a column of probabilities.
    private const int ColumnName = 6;

    /// <summary>The tokens, one element each.</summary>
    public void Append(StringBuilder html, ScoredResponse response)
    {
        IReadOnlyList<ScoredToken> tokens = response.Tokens;
        double[] sums = new double[scores.Length];
        for (int t = 0; t < tokens.Count; t++)
        {
            ScoredToken token = tokens[t];
            for (int i = 0; i < scores.Length; i++) sums[i] += scores[i].Value(token);
            bool cutOff = !response.Ended && t == tokens.Count - 1;
            html.Append($"<span class=\"tok{(token.Mark is null ? "" : " marked")}{(cutOff ? " cut" : "")}\" tabindex=\"0\" role=\"img\" "
                + $"aria-label=\"");
            html.Append(HtmlText.Escape(Details(token, t, tokens.Count, sums) + (cutOff ? CutOff(response.FinalValue) : "")))
                .Append("\" style=\"");
            for (int i = 0; i < scores.Length; i++)
            {
                double value = scores[i].Value(token);
                string colour = HeatmapScale.Variable(HeatmapScale.Level(value, limits[i])), key = scores[i].Key;
                html.Append($"--{key}:var({colour});--v{key}:'{HeatmapScore.Short(value, limits[i])}';");
                html.Append($"--c{key}:'{HeatmapScore.Short(sums[i], limits[i])}';");
            }

            html.Append($"\">{HtmlText.Escape(HtmlText.Visible(token.Text))}<i></i></span>\n");
        }
    }

    /// <summary>
    /// The sum of each score, and the same number computed from the sequence's probabilities: Σ r̂ = log π_SFT(y|x) − log π_ref(y|x);
    /// Σ r_Q = log π_SFT(y|x) + V(s₀) − V(s_T), since V telescopes with γ = 1; V(s_T) = 0 after an end token, and not after a response that
    /// was cut off.
    /// </summary>
    public void AppendSums(StringBuilder html, ScoredResponse response)
    {
        double logProb = response.Tokens.Sum(t => t.LogProb), first = response.Tokens.Count == 0 ? 0 : response.Tokens[0].Value;
        foreach (HeatmapScore score in scores)
        {
            string sum = HeatmapScore.Exact(response.Tokens.Sum(score.Value));
            html.Append($"<span class=\"heat-sum only-{score.Key}\">Σ {score.Symbol} = {sum} nats; ");
            if (score.Key == "s")
            {
                html.Append($"log {HeatmapScore.PolicySft}(y|x) = {HeatmapScore.Exact(logProb)}");
            }
            else if (score.Key == "q")
            {
                string last = response.Ended ? "" : " − V(s<sub>T</sub>)";
                html.Append($"log {HeatmapScore.PolicySft}(y|x) + V(s<sub>0</sub>){last} = {Total(logProb, first, -response.FinalValue)}");
            }
            else
            {
                int reference = int.Parse(score.Key.AsSpan(1), CultureInfo.InvariantCulture);
                double other = response.Tokens.Sum(t => t.ReferenceLogProbs[reference]);
                html.Append($"log {HeatmapScore.PolicySft}(y|x) − log {HeatmapScore.Policy(references[reference])}(y|x) = "
                    + $"{Total(logProb, -other)}");
            }

            html.Append("</span>");
        }
    }

    // −3.1234 + 5.8734 = +2.7500; a last term that is nothing is left out
    private static string Total(double a, double b, double c = 0)
    {
        return $"{HeatmapScore.Exact(a)} {Term(b)}{(c == 0 ? "" : $" {Term(c)}")} = {HeatmapScore.Exact(a + b + c)}";

        static string Term(double x) => $"{(x < 0 ? "−" : "+")} {HeatmapScore.Exact(Math.Abs(x)).TrimStart('+')}";
    }

    // Why r_Q of this token takes a value that other last tokens do not.
    private static string CutOff(double finalValue) => "\nthe response was cut off here: V of the state after it "
        + (double.IsNaN(finalValue) ? "is not known, for the model has no position left" : $"is {HeatmapScore.Exact(finalValue)}, not 0");

    // What the token's own element says: lines for the eye, one sentence after another for a screen reader. Tokens stand last on their
    // lines and in isolation, so that writing from right to left turns nothing around.
    private string Details(ScoredToken token, int place, int count, double[] sums)
    {
        var text = new StringBuilder();
        text.Append($"{Isolated(token.Text)}, id {token.Id}, token {place + 1} of {count}");
        if (token.Mark is { } mark) text.Append($": {mark}");
        text.Append($"\nlog π_SFT {HeatmapScore.Exact(token.LogProb)}, r_Q {HeatmapScore.Exact(token.RQ)}, V(s) "
            + $"{HeatmapScore.Exact(token.Value)}");
        for (int i = 0; i < references.Count; i++)
        {
            text.Append($"\nlog π_{HeatmapScore.Plain(references[i])} {HeatmapScore.Exact(token.ReferenceLogProbs[i])}");
            text.Append($", r̂ {HeatmapScore.Exact(token.RHat(i))}, Σ r̂ so far {HeatmapScore.Exact(sums[i])}");
        }

        if (token.Alternatives is not { Count: > 0 } alternatives) return text.ToString();
        text.Append("\n\nMost probable here:\n π_SFT");
        foreach (string reference in references) text.Append($"  {Column(reference)}      r̂"); // r̂ is two characters and one column
        text.Append("  token");
        foreach (ScoredAlternative alternative in alternatives) AppendAlternative(text, alternative, alternative.Id == token.Id);
        if (alternatives.All(a => a.Id != token.Id))
            AppendAlternative(text, new ScoredAlternative(token.Id, token.Text, token.LogProb, token.ReferenceLogProbs), chosen: true);
        return text.ToString();
    }

    private static void AppendAlternative(StringBuilder text, ScoredAlternative token, bool chosen)
    {
        text.Append($"\n{Probability(token.LogProb),6}");
        foreach (double other in token.ReferenceLogProbs)
            text.Append($"  {Probability(other),ColumnName + 2}  {Signed(token.LogProb - other),5}");
        text.Append($"  {Isolated(token.Text)}{(chosen ? " ◂ this one" : "")}");
    }

    private static string Column(string reference)
    {
        string name = HeatmapScore.Plain(reference);
        var letters = new StringInfo(name);
        if (letters.LengthInTextElements > ColumnName) name = letters.SubstringByTextElements(0, ColumnName - 1) + "…";
        return new string(' ', Math.Max(0, ColumnName - new StringInfo(name).LengthInTextElements)) + "π_" + name;
    }

    private static string Signed(double value) => double.IsNaN(value) ? Numbers.None
        : double.IsInfinity(value) ? (value > 0 ? "+∞" : "−∞") : Numbers.SignedDecimal(value);

    // .624, 1.000, and 4e-7 for what three decimals cannot show.
    private static string Probability(double logProb)
    {
        double p = Math.Exp(logProb);
        return p is > 0 and < .0005 ? p.ToString("0e-0", CultureInfo.InvariantCulture) : Numbers.Fraction(p);
    }

    // First strong isolate … pop directional isolate (Unicode Standard Annex 9).
    private static string Isolated(string text) => $"\u2068{HtmlText.Visible(text)}\u2069";
}
