using System.Globalization;
using MiniTransformer.Reports;

namespace MiniTransformer.Tests.Reports;

public class RewardHeatmapTests
{
    private static ScoredToken Token(string text, double rHat) => new(7, text, -1, -1 - rHat, .25, -1, rHat);

    private static string Html(string prompt, params ScoredToken[] tokens) =>
        RewardHeatmap.Html([new ScoredResponse(prompt, tokens, true, "DPR <b>")]);

    [Fact]
    public void Prompts_labels_and_tokens_cannot_inject_markup()
    {
        string html = Html("<script>alert(\"1\")</script>&", Token("</span><script>", 1), Token("\" onfocus='x'", 1));
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("<b>DPR <b>", html);
        Assert.Contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;", html);
        Assert.DoesNotContain("onfocus='", html);
        Assert.Contains("&quot;␣onfocus=&#39;x&#39;", html);
    }

    [Theory]
    [InlineData(" a ", "␣a␣")]
    [InlineData("\n", "⏎")]
    [InlineData("\t", "⇥")]
    [InlineData("\r\n", "\\r⏎")]
    [InlineData("", "∅")]
    [InlineData("\0", "⟨0000⟩")]
    [InlineData("\u202e", "⟨202E⟩")] // turns text around
    [InlineData("\u200b", "⟨200B⟩")]
    [InlineData("\u0301e", "◌\u0301e")] // an accent with nothing to stand on
    [InlineData("e\u0301", "e\u0301")]
    [InlineData("日本 😀", "日本␣😀")]
    [InlineData("<end>", "<end>")]
    public void What_prints_nothing_is_made_visible(string text, string visible) => Assert.Equal(visible, HtmlText.Visible(text));

    [Fact]
    public void A_lone_surrogate_becomes_the_replacement_character() => Assert.Equal("a\ufffd", HtmlText.Escape("a" + (char)0xd83d));

    [Fact]
    public void Sums_and_exact_values_are_shown()
    {
        string html = Html("rev:ab=", Token("b", 1.25), Token("a", -.5), Token("<end>", 2));
        Assert.Contains("Σ r̂ = +2.7500 nats", html);
        Assert.Contains("Σ r<sub>Q</sub> = +0.7500 nats", html);
        Assert.Contains("Σ log π<sub>SFT</sub> = −3.0000 nats", html);
        Assert.Contains("aria-label=\"a (id 7): r̂ −0.5000, r_Q +0.2500, log π_SFT −1.0000, log π_ref −0.5000 nats\"", html);
        Assert.Equal(3, html.Split("tabindex=\"0\"").Length - 1); // every token can be reached with the keyboard
        Assert.Equal(3, html.Split("type=\"radio\"").Length - 1);
    }

    [Fact]
    public void Answers_to_one_prompt_stand_under_it_together()
    {
        var first = new ScoredResponse("p", [Token("a", 1)], false, "SFT");
        string html = RewardHeatmap.Html([first, first with { Label = "DPR", Correct = true }, first with { Prompt = "q" }]);
        Assert.Equal(2, html.Split("<section").Length - 1);
        Assert.Equal(2, html.Split("✗ wrong").Length - 1);
        Assert.Single(html.Split("✓ right")[1..]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(.4, 0)]
    [InlineData(.5, 1)]
    [InlineData(-.5, -1)]
    [InlineData(4, 4)]
    [InlineData(99, 4)]
    [InlineData(double.NegativeInfinity, -4)]
    [InlineData(double.NaN, 0)]
    public void Levels_are_rounded_and_cut(double value, int level) => Assert.Equal(level, HeatmapScale.Level(value, limit: 4));

    [Fact]
    public void The_scale_ends_at_a_round_number_that_a_rare_token_does_not_move()
    {
        Assert.Equal(1, HeatmapScale.Limit([]));
        Assert.Equal(1, HeatmapScale.Limit([0, 0]));
        Assert.Equal(4, HeatmapScale.Limit([-3.1, 2]));
        Assert.Equal(.2, HeatmapScale.Limit([.12]), 12);
        Assert.Equal(1, HeatmapScale.Limit([.. Enumerable.Repeat(.9, 99), 50]));
        Assert.Equal(1, HeatmapScale.Limit([.9, double.NegativeInfinity]));
    }

    public static TheoryData<bool> Themes => [false, true];

    [Theory]
    [MemberData(nameof(Themes))]
    public void Text_on_every_level_has_a_contrast_of_at_least_4_5(bool dark)
    {
        (string ink, IReadOnlyList<string> levels) = dark ? HeatmapScale.Dark : HeatmapScale.Light;
        Assert.Equal(9, levels.Count);
        Assert.All(levels, level => Assert.InRange(Contrast(ink, level), 4.5, 21));
    }

    // 8-bit colours can miss a luminance by half a step in each channel; 2.5% covers the darkest pair.
    [Theory]
    [MemberData(nameof(Themes))]
    public void Both_sides_are_equally_light_and_grow_steadily(bool dark)
    {
        IReadOnlyList<string> levels = (dark ? HeatmapScale.Dark : HeatmapScale.Light).Levels;
        for (int strength = 1; strength <= HeatmapScale.Strongest; strength++)
        {
            double below = Luminance(levels[4 - strength]), above = Luminance(levels[4 + strength]);
            Assert.InRange(below / above, 1 / 1.025, 1.025);
            double weaker = Luminance(levels[4 + strength - 1]);
            Assert.True(dark ? above > weaker : above < weaker);
        }
    }

    // WCAG 2: relative luminance of sRGB, and (L₁ + .05) / (L₂ + .05).
    internal static double Luminance(string colour)
    {
        double Channel(int at)
        {
            double c = int.Parse(colour.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return c <= .04045 ? c / 12.92 : Math.Pow((c + .055) / 1.055, 2.4);
        }

        return .2126 * Channel(1) + .7152 * Channel(3) + .0722 * Channel(5);
    }

    internal static double Contrast(string a, string b)
    {
        double x = Luminance(a) + .05, y = Luminance(b) + .05;
        return Math.Max(x, y) / Math.Min(x, y);
    }
}
