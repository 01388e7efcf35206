using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

/// <summary>A property that its nearest false neighbour passes too proves nothing. Here each neighbour fails.</summary>
public class NegativeControlTests
{
    public static TheoryData<string> Numbers => [.. Identities.All.Select(identity => identity.Number)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void The_nearest_false_statement_fails(string number)
    {
        IdentityReport report = Identities.Find(number).Check(cases: 1000, seed: 2);
        Assert.True(report.ControlCases >= 300, $"{number}: only {report.ControlCases} of 1000 draws could tell the statements apart.");
        Assert.True(
            report.ControlError > Identity.Failure,
            $"{number}: '{report.Identity.NearestFalse}' passes with median error {report.ControlError:E1}.");
        Assert.True(report.Holds);
    }

    [Theory]
    [InlineData(0, 1, true)]             // the statement holds and its neighbour fails
    [InlineData(1e-8, 1, false)]         // the statement fails
    [InlineData(double.NaN, 1, false)]   // not-a-number is not a proof
    [InlineData(0, 0, false)]            // the neighbour holds as well
    [InlineData(0, double.NaN, false)]
    public void A_report_holds_only_if_the_statement_does_and_its_neighbour_does_not(double error, double control, bool holds)
    {
        var identity = new Identity("P0", "statement", "neighbour", "source", _ => new IdentityResult(error, control));
        Assert.Equal(holds, identity.Check(cases: 3, seed: 1).Holds);
    }

    [Fact]
    public void A_report_without_any_control_does_not_hold()
    {
        var identity = new Identity("P0", "statement", "neighbour", "source", _ => new IdentityResult(0, null));
        Assert.False(identity.Check(cases: 3, seed: 1).Holds);
    }

    [Fact]
    public void One_bad_draw_is_enough_to_fail()
    {
        int draws = 0;
        var identity = new Identity("P0", "statement", "neighbour", "source", _ => new IdentityResult(++draws == 2 ? 1 : 0, 1));
        IdentityReport report = identity.Check(cases: 5, seed: 1);
        Assert.Equal((5, 1.0, false), (report.Cases, report.LargestError, report.Holds));
    }

    [Fact]
    public void The_same_seed_draws_the_same_cases() =>
        Assert.Equal(Identities.Find("P7b").Check(20, seed: 5), Identities.Find("P7b").Check(20, seed: 5));
}
