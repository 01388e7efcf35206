using MiniTransformer.Text.Bpe;

namespace MiniTransformer.Tests.Text.Bpe;

public class PatternTests
{
    private static string Matches(string pattern, string text)
    {
        List<Range> matches = [];
        new Pattern(pattern).Find(text, matches);
        return string.Join('|', matches.Select(match => text[match]));
    }

    [Theory]
    [InlineData("a+?b", "aab ab", "aab|ab")]
    [InlineData("a|ab", "ab", "a")]
    [InlineData("a++b|a", "aaa", "a|a|a")]
    [InlineData("(?>a+)a|b", "aab", "b")]
    [InlineData("a{2}", "aaaaa", "aa|aa")]
    [InlineData("a{2,3}", "aaaaa", "aaa|aa")]
    [InlineData("a{,2}b", "aaab", "aab")]
    [InlineData("a{x", "a{x", "a{x")]
    [InlineData("(ab)+", "ababa ab", "abab|ab")]
    [InlineData("(?:a|b)*c", "abac c", "abac|c")]
    [InlineData(@"\s+(?!\S)|\s+", "a   b ", "  | | ")]
    [InlineData("(?<=a)b|(?<!a)c", "ab ac c", "b|c")]
    [InlineData("(?i:'s|'t)", "it'S 'ſ 't", "'S|'ſ|'t")]
    [InlineData("(?i)k", "kKK", "k|K|K")]
    [InlineData("a(?i)b|c", "aB aC", "aB|aC")]
    [InlineData("(?i)[^a-z]k|[b-d]", "MK_K xC", "_K|C")]
    [InlineData(@"(?i)\p{Lu}", "aB", "B")]
    [InlineData(@"[^\s\p{L}\p{N}]+", "a😀!1 ②", "😀!")]
    [InlineData(@"\p{L}", "a𝒜漢", "a|𝒜|漢")]
    [InlineData(@"\P{L}+", "a1_b", "1_")]
    [InlineData(@"[\p{Lu}\p{Ll}&&[^a-c]]", "abCd", "C|d")]
    [InlineData(@"[^(\s|[.,!?])]+", "ab(c), d|e", "ab|c|d|e")]
    [InlineData(@"[\x{10000}-\x{10FFFF}]", "a😀", "😀")]
    [InlineData("[]a]", "a]", "a|]")]
    [InlineData("[a-]", "a-b", "a|-")]
    [InlineData("^a|b$", "a\nab\nb", "a|a|b|b")]
    [InlineData(@"\Aa|b\z", "aab\nb", "a|b")]
    [InlineData(@"\bab\b", "ab cab ab", "ab|ab")]
    [InlineData(".", "a\nb", "a|b")]
    [InlineData(@"\p{Han}+", "a漢字かな", "漢字")]
    public void Matches_are_Onigurumas(string pattern, string text, string expected) => Assert.Equal(expected, Matches(pattern, text));

    // x* matches the empty text too: between the others, but not right after one.
    [Fact]
    public void An_empty_match_after_a_match_is_none() => Assert.Equal("|aa|", Matches("a*", "baab"));

    [Fact]
    public void Characters_of_later_Unicode_versions_are_what_the_tokenizers_library_has_them_for() =>
        Assert.Equal("\u1C89", Matches(@"\p{Lu}", "\u0378\u1C89"));

    [Theory]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData("*")]
    [InlineData("a{3,2}")]
    [InlineData("[b-a]")]
    [InlineData(@"\p{L")]
    public void What_is_no_pattern_is_refused(string pattern) => Assert.Throws<InvalidDataException>(() => new Pattern(pattern));

    [Theory]
    [InlineData(@"(a)\1")]
    [InlineData(@"\p{Klingon}")]
    [InlineData("(?<=a+)b")]
    [InlineData("(a*)*")]
    [InlineData("(?x)a")]
    [InlineData("a{5000}")]
    [InlineData(@"\G")]
    public void What_is_not_implemented_is_refused(string pattern) => Assert.Throws<NotSupportedException>(() => new Pattern(pattern));

    [Fact]
    public void A_malicious_pattern_ends() => Assert.Contains(
        "too many steps", Assert.Throws<ArgumentException>(() => Matches("(?:a|a)+b", new string('a', 100))).Message);

    [Theory]
    [InlineData("NFC", "e\u0301 a\u0323\u0307 \u1112\u1161\u11AB \u0958 \u212B", "é ạ̇ 한 \u0915\u093C Å")]
    [InlineData("NFD", "é 한 \u1E69", "e\u0301 \u1112\u1161\u11AB s\u0323\u0307")]
    [InlineData("NFKC", "ﬁ ① ｱ\u3000", "fi 1 ア ")]
    [InlineData("NFC", "s\u0307\u0323x\u0301", "\u1E69x\u0301")]
    public void Texts_are_normalized_by_Unicodes_rules(string form, string text, string expected) => Assert.Equal(
        expected, UnicodeNormalization.Normalize(AlignedText.Of(text, false), Enum.Parse<UnicodeForm>(form, ignoreCase: true)).Text);
}
