using System.Globalization;
using System.Numerics;
using MiniTransformer.Data;
using MiniTransformer.Judges;

namespace MiniTransformer.Tests.Judges;

public class NumericJudgeTests
{
    [Theory]
    [InlineData("42", 42)]
    [InlineData("The answer is 42.", 42)]
    [InlineData("17 apples, then 25 more: 42!", 42)]
    [InlineData("#### 1,234,567", 1234567)]
    [InlineData("1,234.50", 1234.5)]
    [InlineData("1'234’567", 1234567)]
    [InlineData("1\u202F234 and 5\u00A0678", 5678)]
    [InlineData("1_000_000", 1000000)]
    [InlineData("so x = -7.", -7)]
    [InlineData("−0.5", -.5)]
    [InlineData("(-3)", -3)]
    [InlineData("+8", 8)]
    [InlineData("-$1,200", -1200)]
    [InlineData("$-12.75 in all", -12.75)]
    [InlineData("costs 5€", 5)]
    [InlineData("50%", 50)]
    [InlineData("-.25", -.25)]
    [InlineData("2.5e-3", .0025)]
    [InlineData("1E3 m", 1000)]
    [InlineData("5kg", 5)]
    [InlineData("\\boxed{18}", 18)]
    [InlineData("3/4", .75)]
    [InlineData("-3/4 of it", -.75)]
    [InlineData("10-3", 3)] // minus after a digit is an operator
    [InlineData("f(2)-5", 5)]
    [InlineData("12 34", 34)] // a plain space separates two numbers, unless it makes groups of three
    [InlineData("7 H2 x1", 7)] // digits right after a letter belong to the word
    [InlineData("9, version 1.2.3", 9)]
    [InlineData("9 on 1/2/2024", 9)]
    [InlineData("9 on 2024-01-05", 9)]
    [InlineData("007", 7)]

    // Grouping of either kind.
    [InlineData("1,00,000", 100000)]
    [InlineData("12,34,567.5", 1234567.5)]
    [InlineData("1,23,456", 123456)]
    [InlineData("1.234,5", 1234.5)]
    [InlineData("1.234.567,89", 1234567.89)]
    [InlineData("1.234.567", 1234567)]
    [InlineData("1.234", 1.234)]
    [InlineData("1 234 567", 1234567)]
    [InlineData("12 345,6", 12345.6)]
    [InlineData("a total of 9\u2009500 m", 9500)]
    [InlineData("1'000.5", 1000.5)]
    [InlineData("3 4 5", 5)]
    [InlineData("1, 2, 3", 3)]
    [InlineData("1,000,", 1000)]
    [InlineData("Rs.500", 500)]
    [InlineData("Rs 1,00,000/-", 100000)]
    [InlineData("USD1,500", 1500)]
    [InlineData("US$ 12", 12)]
    [InlineData("€ 3.50", 3.5)]
    [InlineData("-€3", -3)]
    [InlineData("£1m is 1 million pounds", 1000000)]
    [InlineData("2.5 thousand", 2500)]
    [InlineData("wait...5", 5)]

    // LaTeX.
    [InlineData("\\boxed{9{,}500}", 9500)]
    [InlineData("\\boxed{10,\\!000}", 10000)]
    [InlineData("\\boxed{9\\,500}", 9500)]
    [InlineData("\\frac{3}{4}", .75)]
    [InlineData("$\\dfrac{-3}{4}$", -.75)]
    [InlineData("\\boxed{-\\tfrac 34}", -.75)]
    [InlineData("\\boxed{\\frac{1{,}000}{8}}", 125)]
    [InlineData("\\boxed{2\\frac{3}{4}}", 2.75)]
    [InlineData("\\boxed{-2\\frac{1}{2}}", -2.5)]
    [InlineData("\\boxed{\\$1{,}234.50}", 1234.5)]
    [InlineData("\\boxed{-\\$5}", -5)]
    [InlineData("\\boxed{45\\%}", 45)]
    [InlineData("\\boxed{90^\\circ}", 90)]
    [InlineData("\\boxed{12\\text{ cm}^2}", 12)]
    [InlineData("\\boxed{12\\ \\mathrm{m}^{3}}", 12)]
    [InlineData("\\boxed{\\text{9{,}500}}", 9500)]
    [InlineData("\\boxed{x = 5}", 5)]
    [InlineData("\\boxed{3 + 4 = 7}", 7)]
    [InlineData("\\boxed{1.5 \\times 10^{-3}}", .0015)]
    [InlineData("\\boxed{10^{3}}", 1000)]
    [InlineData("\\boxed{2^{10}}", 1024)]
    [InlineData("\\boxed{- 5}", -5)]
    [InlineData("\\boxed 42", 42)]
    [InlineData("\\boxed{7}, not 8", 7)]
    [InlineData("\\boxed{6}, no, \\boxed{\\boxed{7}}", 7)]
    [InlineData("\\[x = \\left(\\frac{1}{2}\\right)\\]", .5)]
    [InlineData("$3 \\times 4 = 12$ \\quad", 12)]
    [InlineData("\\fbox{8}", 8)]

    // After "####", as GSM8K writes it.
    [InlineData("5 + 5 = <<5+5=10>>10\n#### 10", 10)]
    [InlineData("#### $1,200", 1200)]
    [InlineData("#### -3", -3)]
    [InlineData("#### 42 apples in 3 boxes", 42)]
    [InlineData("#### 7\nThat is 100% sure.", 7)]
    [InlineData("#### Step 1\nso it is 12", 12)]

    // Fractions, mixed numbers, powers, other scripts.
    [InlineData("2 3/4 cups", 2.75)]
    [InlineData("1,000 1/2", 1000.5)]
    [InlineData("2½", 2.5)]
    [InlineData("¾ of it", .75)]
    [InlineData("3⁄4", .75)]
    [InlineData("6 / 2", 3)]
    [InlineData("1.5×10³", 1500)]
    [InlineData("1.5 x 10^3 J", 1500)]
    [InlineData("10³", 1000)]
    [InlineData("5 m²", 5)]
    [InlineData("60 km/h", 60)]
    [InlineData("it falls to – 5: x = – 5", -5)]
    [InlineData("–5", -5)]
    [InlineData("５０", 50)]
    [InlineData("٤٢", 42)]
    [InlineData("**42**", 42)]
    [InlineData("__42__", 42)]
    [InlineData("`42`", 42)]
    [InlineData("$42$.", 42)]
    [InlineData("3rd of 5th", 5)]
    public void The_answer_is_read_as_people_mean_it(string text, double expected)
    {
        Number? number = NumberText.Last(text);
        Assert.NotNull(number);
        Assert.Equal(expected, number.Value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("none")]
    [InlineData("x2")]
    [InlineData("1.2.3")]
    [InlineData("5 divided by zero: 5/0")]
    [InlineData("\\frac{1}{0}")]
    [InlineData("1e99999")]
    [InlineData("9^99999999")]
    [InlineData("-")]
    [InlineData("1,5")] // one and a half, or 1 and 5
    [InlineData("(3,14)")]
    [InlineData("1234,567")]
    [InlineData("1,2345")]
    [InlineData("0,123")]
    [InlineData("1,234,5")]
    [InlineData("3:4")]
    [InlineData("at 3:30")]
    [InlineData("0x1F")]
    [InlineData("101_2")]
    [InlineData("\\boxed{3, 4}")]
    [InlineData("\\boxed{(3,4)}")]
    [InlineData("\\boxed{3+4}")]
    [InlineData("\\boxed{x = 3 \\text{ or } x = 4}")]
    [InlineData("\\boxed{2\\sqrt{3}}")]
    [InlineData("2\\sqrt3")]
    [InlineData("\\boxed{3\\pi}")]
    [InlineData("3π")]
    [InlineData("5 ± 1")]
    [InlineData("\\boxed{2x}")]
    [InlineData("\\boxed{\\frac{x}{2}}")]
    [InlineData("\\boxed{\\frac{\\pi}{2}}")]
    [InlineData("\\boxed{2^{n}}")]
    [InlineData("\\boxed{0.\\overline{3}}")]
    [InlineData("\\boxed{}, 5")]
    [InlineData("\\boxed{1011_{2}}")]
    [InlineData("#### 3, 4")]
    public void What_cannot_be_read_as_one_number_is_none(string text) => Assert.Null(NumberText.Last(text));

    [Theory]
    [InlineData("12345678901234567890", "12345678901234567891", 0, false)] // one double, two numbers
    [InlineData("123456789012345678901234567890", "123456789012345678901234567891", 0, false)] // beyond a decimal, too
    [InlineData("123,456,789,012,345,678,901,234,567,890", "123456789012345678901234567890", 0, true)]
    [InlineData("0.1234567890123456789012345678901", "0.1234567890123456789012345678902", 0, false)]
    [InlineData("1,000", "1000.00", 0, true)]
    [InlineData("0.3", "0.30000000000000004", 0, false)]
    [InlineData("1/2", ".5", 0, true)]
    [InlineData("\\frac{3}{4}", "4", 0, false)]
    [InlineData("\\frac{3}{4}", "3/4", 0, true)]
    [InlineData("\\frac{6}{8}", "0.75", 0, true)]
    [InlineData("\\boxed{9{,}500}", "500", 0, false)]
    [InlineData("1,00,000", "0", 0, false)]
    [InlineData("1/3", "0.333", 0, false)]
    [InlineData("1/3", "0.333", .001, true)]
    [InlineData("3.14", "3.15", .01, true)]
    [InlineData("3.14", "3.1501", .01, false)]
    [InlineData("-5", "5", 1, false)]
    [InlineData("1e30", "1e30", 0, true)]
    [InlineData("1e30", "2e30", 0, false)]
    [InlineData("1e30", "1e30", 1e-9, true)]
    [InlineData("50%", "50", 0, true)] // a unit like any other
    [InlineData("50%", "0.5", 0, true)] // or a hundredth
    [InlineData("0.5", "50\\%", 0, true)]
    [InlineData("50%", "0.5%", 0, false)]
    [InlineData("50 percent", "1/2", 0, true)]
    [InlineData("5", "0.05", 0, false)]
    [InlineData("2 3/4", "11/4", 0, true)]
    [InlineData("5", "1,5", 0, false)]
    [InlineData("nothing", "5", 100, false)]
    public void Numbers_are_equal_by_value_to_within_the_tolerance(string response, string gold, double tolerance, bool right)
    {
        if (NumberText.Last(gold) is null)
        {
            Assert.Throws<DataException>(() => new NumericJudge(tolerance).Score([new Answer("p", response, gold)]));
        }
        else Assert.Equal([right ? 1.0 : 0], new NumericJudge(tolerance).Score([new Answer("p", response, gold)]));
    }

    [Fact]
    public void A_number_of_any_length_is_exact_and_what_is_written_is_read_again()
    {
        var random = new Random(1);
        for (int i = 0; i < 300; i++)
        {
            string digits = random.Next(1, 10) + string.Concat(Enumerable.Range(0, random.Next(0, 60)).Select(_ => random.Next(10)));
            BigInteger value = BigInteger.Parse(digits, CultureInfo.InvariantCulture);
            string grouped = value.ToString("N0", CultureInfo.InvariantCulture);
            foreach (string written in new[]
            {
                digits, grouped, grouped.Replace(",", "{,}", StringComparison.Ordinal),
                grouped.Replace(",", "\\,", StringComparison.Ordinal), grouped.Replace(',', '\u202F'), grouped.Replace(',', ' '),
                grouped.Replace(',', '_'), $"\\boxed{{{grouped}}}", $"it is ${grouped}.", $"\\frac{{{digits}}}{{1}}", $"#### {grouped}",
                $"{grouped} kg",
            }) Assert.Equal(value, NumberText.Last(written)?.Numerator);
            Assert.NotEqual(value, NumberText.Last((value + 1).ToString(CultureInfo.InvariantCulture))!.Numerator);
        }
    }

    [Fact]
    public void Long_and_deep_text_takes_bounded_time()
    {
        foreach (string piece in new[] { "1", "1,", "\\frac{", "{", "\\text{", "\\boxed{", "1 ", "- ", "1π", "\\sqrt{", "1/", "^{", "1_",
            "\\", "1.234", "½", "2 1/2 ", "####1 ", "\\frac12" })
            NumberText.Last(string.Concat(Enumerable.Repeat(piece, 100_000)));
    }

    [Fact]
    public void The_last_number_counts_not_any_number() =>
        Assert.Equal([0.0], new NumericJudge().Score([new Answer("p", "42, or rather 43", "42")]));

    [Fact]
    public void The_culture_of_the_machine_changes_nothing()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator) = (",", ".");
            CultureInfo.CurrentCulture = comma;
            Assert.Equal(1234.5, NumberText.Last("1,234.5")!.Value);
            Assert.Equal("numeric:0.5", new NumericJudge(.5).Name);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_completion_without_a_number_is_an_error_at_its_line()
    {
        var e = Assert.Throws<DataException>(() => new NumericJudge().Score([new Answer("p", "5", "five", Source: "own.jsonl:7")]));
        Assert.StartsWith("own.jsonl:7: the right answer 'five' holds no number", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new NumericJudge(-1));
        Assert.Throws<ArgumentException>(() => new NumericJudge(double.NaN));
    }
}
