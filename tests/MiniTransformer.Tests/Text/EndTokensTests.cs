using MiniTransformer.Data;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Text;

public class EndTokensTests
{
    private static readonly EndTokens Two = new(261, 257);

    [Fact]
    public void A_response_has_ended_whichever_end_token_it_ends_with()
    {
        Assert.True(Two.HasEnded([97, 257]) && Two.HasEnded([261]));
        Assert.False(Two.HasEnded([257, 97]) || Two.HasEnded([]) || EndTokens.None.HasEnded([257]));
        Assert.Equal([97], Two.Body([97, 261]).ToArray());
        Assert.Equal([97, 98], Two.Body([97, 98]).ToArray());
    }

    [Fact]
    public void Responses_are_the_same_if_their_text_is_and_both_end_or_neither()
    {
        Assert.True(Two.SameResponse([97, 261], [97, 257]));
        Assert.True(Two.SameResponse([97], [97]));
        Assert.False(Two.SameResponse([97], [97, 257]));
        Assert.False(Two.SameResponse([97, 257], [98, 257]));
    }

    [Fact]
    public void They_are_equal_in_order_and_a_union_keeps_the_first_in_front()
    {
        Assert.Equal(new EndTokens(261, 257, 261), Two);
        Assert.NotEqual(new EndTokens(257, 261), Two);
        Assert.Equal(new EndTokens(257, 261, 9), ((EndTokens)257).Union(new EndTokens(261, 257, 9)));
        Assert.Same(Two, Two.Union(257));
        Assert.Equal(EndTokens.None, -1);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EndTokens(3, -1));
    }

    [Fact]
    public void A_demonstration_ends_with_the_first_and_a_response_is_read_up_to_any()
    {
        ITokenizer tokenizer = new ByteTokenizer(new Tokens(256, Two, 258));
        Assert.Equal([97, 261], Example.FromText("p", "a", tokenizer).ResponseIds);
        Assert.Equal(["a", "a", null], new int[][] { [97, 257], [97, 261], [97] }.Select(ids => ResponseText.Of(ids, tokenizer)));
    }

    [Fact]
    public void A_tokenizer_without_a_begin_token_begins_with_the_text()
    {
        ITokenizer tokenizer = new ByteTokenizer(new Tokens(null, EndTokens.None, null));
        Example example = Example.FromText("p", "a", tokenizer);
        Assert.Equal([112], example.PromptIds);
        Assert.Equal([97], example.ResponseIds);
        using var empty = new MemoryStream("""{"prompt": "", "completion": "a"}"""u8.ToArray());
        Assert.Contains("no begin token",
            Assert.Throws<DataException>(() => JsonlReader.Read(empty, "x.jsonl", tokenizer).Count()).Message);
    }
}
