using System.Globalization;
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
    [InlineData("12 34", 34)] // a plain space separates two numbers
    [InlineData("1,5", 5)] // so does a comma before anything but three digits
    [InlineData("1,23,456", 23456)]
    [InlineData("1234,567", 567)]
    [InlineData("1,2345", 2345)]
    [InlineData("7 H2 x1", 7)] // digits right after a letter belong to the word
    [InlineData("9, version 1.2.3", 9)]
    [InlineData("9 on 1/2/2024", 9)]
    [InlineData("007", 7)]
    public void The_last_number_is_read_as_people_mean_it(string text, double expected)
    {
        Number? number = NumberText.Last(text);
        Assert.NotNull(number);
        Assert.Equal(expected, number.Value.Value);
        Assert.Equal((decimal)expected, number.Value.Exact);
    }

    [Theory]
    [InlineData("")]
    [InlineData("none")]
    [InlineData("x2")]
    [InlineData("1.2.3")]
    [InlineData("5 divided by zero: 5/0")]
    [InlineData("1e999")]
    [InlineData("-")]
    public void Where_there_is_no_number_none_is_found(string text) => Assert.Null(NumberText.Last(text));

    [Theory]
    [InlineData("12345678901234567890", "12345678901234567891", 0, false)] // one double, two numbers
    [InlineData("1,000", "1000.00", 0, true)]
    [InlineData("0.3", "0.30000000000000004", 0, false)]
    [InlineData("1/2", ".5", 0, true)]
    [InlineData("1/3", "0.333", 0, false)]
    [InlineData("1/3", "0.333", .001, true)]
    [InlineData("3.14", "3.15", .01, true)]
    [InlineData("3.14", "3.1501", .01, false)]
    [InlineData("-5", "5", 1, false)]
    [InlineData("1e30", "1e30", 0, true)] // outside a decimal's range
    [InlineData("1e30", "2e30", 0, false)]
    [InlineData("nothing", "5", 100, false)]
    public void Numbers_are_equal_by_value_to_within_the_tolerance(string response, string gold, double tolerance, bool right) =>
        Assert.Equal([right ? 1.0 : 0], new NumericJudge(tolerance).Score([new Answer("p", response, gold)]));

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
            Assert.Equal(1234.5, NumberText.Last("1,234.5")!.Value.Value);
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
        Assert.StartsWith("own.jsonl:7: the completion 'five' holds no number", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new NumericJudge(-1));
        Assert.Throws<ArgumentException>(() => new NumericJudge(double.NaN));
    }
}
