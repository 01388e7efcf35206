using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

public class TokenMdpTests
{
    [Fact]
    public void States_are_prefixes_in_breadth_first_order()
    {
        var mdp = new TokenMdp(vocabulary: 3, horizon: 3, endToken: 2);
        Assert.Equal(7, mdp.StateCount); // 1 + 2 + 4 prefixes without the end token
        Assert.Equal(["", "0", "1", "00", "01", "10", "11"], Enumerable.Range(0, 7).Select(s => string.Concat(mdp.Tokens(s))));
        Assert.Equal([3, 2, 2, 1, 1, 1, 1, 0], Enumerable.Range(0, 8).Select(mdp.StepsToGo));
        Assert.Equal(4, mdp.Next(mdp.Next(0, 0), 1));
    }

    [Fact]
    public void The_end_token_and_the_horizon_lead_to_the_terminal_state()
    {
        var mdp = new TokenMdp(vocabulary: 2, horizon: 2, endToken: 1);
        int end = mdp.Terminal;
        Assert.Equal([1, end, end, end], new[] { mdp.Next(0, 0), mdp.Next(0, 1), mdp.Next(1, 0), mdp.Next(1, 1) });
    }

    [Theory]
    [InlineData(1, 1, null, 1)]
    [InlineData(1, 5, null, 1)]
    [InlineData(1, 5, 0, 1)]     // the end token at once
    [InlineData(3, 4, null, 81)] // 3⁴
    [InlineData(3, 4, 0, 31)]    // 1 + 2 + 4 responses that end in time, 2³ prefixes times 3 last tokens
    [InlineData(4, 0, 1, 1)]     // the empty response
    public void Every_response_is_enumerated_once(int vocabulary, int horizon, int? endToken, int count)
    {
        var mdp = new TokenMdp(vocabulary, horizon, endToken);
        string[] responses = [.. ResponseEnumeration.All(mdp).Select(y => string.Concat(y.Tokens))];
        Assert.Equal(count, responses.Length);
        Assert.Equal(count, responses.Distinct().Count());
        Assert.All(ResponseEnumeration.All(mdp), y =>
        {
            Assert.True(y.Length == horizon || y.Tokens[^1] == endToken);
            Assert.DoesNotContain(y.Tokens.SkipLast(1), a => a == endToken);
            Assert.Equal(y.Tokens.Select((_, t) => string.Concat(y.Tokens.Take(t))), y.States.Select(s => string.Concat(mdp.Tokens(s))));
        });
    }

    [Fact]
    public void A_response_is_found_by_its_tokens()
    {
        var mdp = new TokenMdp(vocabulary: 3, horizon: 3, endToken: 2);
        Assert.Equal([0, 2, 5], ResponseEnumeration.Follow(mdp, 1, 0, 1).States);
        Assert.Contains("stops before", Assert.Throws<ArgumentException>(() => ResponseEnumeration.Follow(mdp, 1, 0)).Message);
        Assert.Contains("goes on after its end at 1",
            Assert.Throws<ArgumentException>(() => ResponseEnumeration.Follow(mdp, 2, 0)).Message);
    }

    [Fact]
    public void Errors_say_what_arrived_and_what_was_needed()
    {
        Assert.Contains("end token 3 is outside the vocabulary 0..2",
            Assert.Throws<ArgumentException>(() => new TokenMdp(3, 2, 3)).Message);
        Assert.Contains("discount 0 is outside (0, 1]", Assert.Throws<ArgumentException>(() => new TokenMdp(3, 2, 1, 0)).Message);
        Assert.Contains("discount 1.5", Assert.Throws<ArgumentException>(() => new TokenMdp(3, 2, 1, 1.5)).Message);
        Assert.Contains("use a smaller tree", Assert.Throws<ArgumentException>(() => new TokenMdp(10, 9)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TokenMdp(0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TokenMdp(2, -1));
        Assert.Contains("there is no P12", Assert.Throws<ArgumentException>(() => Identities.Find("P12")).Message);
    }
}
