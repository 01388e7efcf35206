using System.Globalization;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Runs;

namespace MiniTransformer.Tests.Reports;

public class RewardHeatmapTests
{
    private static ScoredToken Token(string text, double rHat) => new(7, text, -1, .25, 4, [-1 - rHat]);

    private static string Html(string prompt, params ScoredToken[] tokens) =>
        RewardHeatmap.Html([new ScoredResponse(prompt, tokens, true, "DPR <b>", ["base"])]);

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
    public void Sums_stand_beside_what_they_must_be_equal_to()
    {
        string html = Html("rev:ab=", Token("b", 1.25), Token("a", -.5), Token("<end>", 2));
        const string Sft = "π<sub>SFT</sub>", Base = "π<sub>base</sub>";
        Assert.Contains($"Σ r̂ = +2.7500 nats; log {Sft}(y|x) − log {Base}(y|x) = −3.0000 + 5.7500 = +2.7500<", html);
        // invented values: both numbers are shown
        Assert.Contains($"Σ r<sub>Q</sub> = +0.7500 nats; log {Sft}(y|x) + V(s<sub>0</sub>) = −3.0000 + 4.0000 = +1.0000<", html);
        Assert.Contains($"Σ log {Sft} = −3.0000 nats; log {Sft}(y|x) = −3.0000<", html);
        Assert.Equal(["'+1.3'", "'+0.8'", "'+2.8'"], Values(html, "--cr0")); // the running sum of +1.25, −.5, +2
        Assert.Equal(["'−1.0'", "'−2.0'", "'−3.0'"], Values(html, "--cs"));
    }

    [Fact]
    public void Every_token_can_be_reached_with_the_keyboard_and_tells_all_its_values()
    {
        string html = Html("rev:ab=", Token("b", 1.25), Token("a", -.5), Token("<end>", 2));
        Assert.Equal(3, html.Split("tabindex=\"0\"").Length - 1);
        Assert.Equal(3, html.Split("type=\"radio\"").Length - 1);
        Assert.Contains("aria-label=\"\u2068a\u2069, id 7, token 2 of 3&#10;log π_SFT −1.0000, r_Q +0.2500, V(s) +4.0000&#10;log π_base "
            + "−0.5000, r̂ −0.5000, Σ r̂ so far +0.7500\"", html);
    }

    [Fact]
    public void Alternatives_show_probabilities_and_rewards_and_the_token_itself()
    {
        ScoredAlternative Other(int id, string text, double p, double reference) => new(id, text, Math.Log(p), [Math.Log(reference)]);
        ScoredAlternative[] most = [Other(5, "x", .6, .2), Other(6, "<", .3, .00004)];
        string listed = Html("p", new ScoredToken(6, "<", Math.Log(.3), 0, 0, [Math.Log(.00004)], most));
        Assert.Contains("&#10; π_SFT    π_base      r̂  token&#10;  .600      .200  +1.10  \u2068x\u2069&#10;  .300      4e-5  +8.92  "
            + "\u2068&lt;\u2069 ◂ this one\"", listed);
        string rare = Html("p", new ScoredToken(9, "y", Math.Log(.001), 0, 0, [Math.Log(.002)], most));
        Assert.Contains("&#10;  .300      4e-5  +8.92  \u2068&lt;\u2069&#10;  .001      .002  −0.69  \u2068y\u2069 ◂ this one\"", rare);
    }

    [Fact]
    public void Each_reference_has_a_colour_of_its_own()
    {
        var token = new ScoredToken(1, "a", -1, 0, 0, [-5, -.5], Mark: "planted error");
        string html = RewardHeatmap.Html([new ScoredResponse("p", [token], null, null, ["early", "late"])]);
        Assert.Contains("--r0:var(--p4);--vr0:'+4.0';--cr0:'+4.0';--r1:var(--n3)", html); // the scales end at 4 and at .8
        Assert.Contains("--vr1:'−0.50'", html); // a short scale has more decimals
        Assert.Equal(4, html.Split("type=\"radio\"").Length - 1);
        Assert.Contains("r̂<sub>late</sub> = log π<sub>SFT</sub> − log π<sub>late</sub>", html);
        Assert.Contains("class=\"tok marked\"", html);
        Assert.Contains("token 1 of 1: planted error&#10;", html);
        var other = new ScoredResponse("p", [token], null, null, ["early", "half"]);
        Assert.Contains("need the same references",
            Assert.Throws<ArgumentException>(() => RewardHeatmap.Html([other with { References = ["early", "late"] }, other])).Message);
    }

    [Fact]
    public void What_turns_text_around_is_shown_by_its_code_or_kept_apart()
    {
        string html = Html("a\u202eb", Token("\u202e", 1), Token("א", 1));
        Assert.DoesNotContain('\u202e', html);
        Assert.Contains("<code>a⟨202E⟩b</code>", html);
        Assert.Contains("aria-label=\"\u2068א\u2069, id 7", html);
        Assert.Contains("unicode-bidi:isolate", RewardHeatmap.Style());
    }

    [Fact]
    public void Long_responses_can_be_skipped_and_empty_ones_shown()
    {
        string html = Html("p", [.. Enumerable.Range(0, 5000).Select(i => Token("<\"", i % 3 - 1))]);
        Assert.Contains("<a class=\"heat-skip\" href=\"#heatmap-end-1\">Skip 5000 tokens</a>", html);
        Assert.Single(html.Split("id=\"heatmap-end-1\"")[1..]);
        Assert.Contains("token 5000 of 5000", html);
        Assert.InRange(html.Length, 0, 5000 * 700);
        HtmlReportTests.Parse($"<html>{html}</html>");
        Assert.Contains("no token", Html("p"));
        Assert.DoesNotContain("heat-skip", Html("p"));
    }

    [Fact]
    public void Answers_to_one_prompt_stand_under_it_together()
    {
        var first = new ScoredResponse("p", [Token("a", 1)], false, "SFT", ["base"]);
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

    // The variable's value in each token, in order.
    private static string[] Values(string html, string variable) =>
        [.. html.Split(variable + ":")[1..].Select(rest => rest[..rest.IndexOf(';', StringComparison.Ordinal)])];

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
