using MiniTransformer.Data.Tasks;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Data.Tasks;

public class TaskPromptTests
{
    private static readonly ByteTokenizer Tokenizer = new();
    private static readonly TaskPrompt Prompt = new(BuiltIn.Parse("reverse")[0], "rev:ab=");

    [Fact]
    public void A_right_answer_that_ends_is_accepted() => Assert.True(Prompt.Accepts(['b', 'a', 257], Tokenizer));

    [Fact]
    public void Right_text_that_does_not_end_or_hides_a_special_token_is_wrong()
    {
        Assert.False(Prompt.Accepts(['b', 'a'], Tokenizer));
        Assert.False(Prompt.Accepts(['b', 258, 'a', 257], Tokenizer));
        Assert.False(Prompt.Accepts(['b', 'a', 257, 257], Tokenizer));
        Assert.False(Prompt.Accepts(['a', 'b', 257], Tokenizer));
        Assert.False(Prompt.Accepts([], Tokenizer));
    }

    [Fact]
    public void A_prompt_begins_with_the_begin_token() =>
        Assert.Equal([256, 'r', 'e', 'v', ':', 'a', 'b', '='], Prompt.Encode(Tokenizer).Ids);
}
