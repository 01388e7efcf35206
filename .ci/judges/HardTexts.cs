using System.Text;

namespace MiniTransformer.Judging;

/// <summary>Texts that tokenizers stumble over, drawn from a seed.</summary>
internal static class HardTexts
{
    private static readonly string[] Fragments =
    [
        "'s", "'S", "'ſ", "'LL", "n't", "’s", " ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", "\u00a0", "\u3000", "\u200b", "\u200d",
        "\u2028", "\u0085", "\u000b",
        "\u001c", "\0", "\u007f", "\ufeff", "é", "e\u0301", "a\u0323\u0307", "\u0344", "ﬁ", "①", "²", "½", "Ⅷ", "١٢", "१२३", "漢字",
        "日本語テスト", "한국어", "ᄒ", "ᅡ", "ᆫ",
        "שלום", "مرحبا", "नमस्ते", "ไทย", "👩‍👩‍👧‍👦", "😀", "🇩🇪", "👍🏽", "𝒜𝓑", "𐍈", "\U0001F9FF", "\U000E0001", "\u0378", "\U0003FFFF",
        "\uE000", "\U0010FFFF", "İ", "ß", "ǅ", "K", "Å",
        "\u0958", "\u2126", "__", "**", "...", "!!", "/*", "//", "->", "{}", "();", "1", "12", "1234567890123456789012345", "3.14", "$5",
        "a", "A", "THE", " the", " Quick",
        "camelCase", "snake_case", "http://x.y/z?a=b&c=d", "<", ">", "\u1C89", "\U00016D40", "\uFF21", "\uFFFD", "\u0E33", "\u0F73",
        "\uFB1D", "\U0001D15E", "\U0002F800", "The quick brown fox",
        " jumps over the lazy dog.", "def f(x):\n    return x ** 2\n", "Once upon a time, there was a little girl named Lily.",
    ];

    // What is an added token for one tokenizer or another, and parts of them.
    private static readonly string[] Markup =
    [
        "<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<bos>", "<eos>", "<start_of_turn>", "<|begin_of_text|>",
        "<|eot_id|>", "<0x0A>", "▁", "Ġ", "<tool_call>",
        "</tool_call>", "[multimodal]", "<unused5>", "<pad>", "<mask>", "\n\n\n", "<|end", "oftext|>", "<s", "<begin>", "<end>",
        "<｜User｜>", "<EOT>",
    ];

    /// <summary>Some texts.</summary>
    public static IEnumerable<string> Draw(int count, int seed)
    {
        var random = new Random(seed);
        for (int n = 0; n < count; n++)
        {
            var text = new StringBuilder();
            int kind = random.Next(10), length = random.Next(1, 16);
            for (int i = 0; i < length; i++)
            {
                text.Append(kind switch
                {
                    < 4 => Fragments[random.Next(Fragments.Length)],
                    < 7 => random.Next(3) == 0 ? Markup[random.Next(Markup.Length)] : Fragments[random.Next(Fragments.Length)],
                    7 => string.Concat(Enumerable.Repeat(Fragments[random.Next(Fragments.Length)], random.Next(1, 12))),
                    8 => " \n\t\r "[random.Next(5)].ToString(),
                    _ => CodePoint(random),
                });
            }

            yield return text.ToString();
        }
    }

    private static string CodePoint(Random random)
    {
        int[] ends = [0x80, 0x600, 0xD800, 0x20000, 0x110000];
        int c = random.Next(1, ends[random.Next(ends.Length)]);
        return Rune.IsValid(c) ? new Rune(c).ToString() : "x";
    }
}
