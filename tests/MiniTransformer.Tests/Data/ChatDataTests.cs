using System.Text;
using MiniTransformer.Data;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Data;

public class ChatDataTests
{
    private const string TwoTurns =
        """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"bc"}]}""";

    private static readonly ByteTokenizer Tokenizer = new();

    [Fact]
    public void All_turns_of_the_assistant_carry_loss_and_the_last_is_the_response()
    {
        Example example = Read(TwoTurns);
        Assert.Equal([.. Tokenizer.Encode("bc"), ByteTokenizer.End], example.ResponseIds);
        Assert.Equal(2 + 3, example.Learned.Count);
        Assert.Equal([.. example.PromptIds, .. example.ResponseIds], example.Learned.Ids);
        Assert.Equal("user: q\nassistant: a\nuser: r", example.Prompt);

        Example last = Read(TwoTurns, new JsonlOptions { LastTurnOnly = true });
        Assert.Null(last.Turns);
        Assert.Equal(example.ResponseIds, last.ResponseIds);
    }

    [Fact]
    public void A_batch_of_turns_predicts_each_of_their_tokens_and_no_other()
    {
        Example example = Read(TwoTurns);
        ResponseBatch batch = ResponseBatch.OfTurns([example, Example.FromText("x", "y", Tokenizer)]);
        Assert.Equal(5 + 2, batch.N);
        Assert.Equal([0, 2, 5, 7], batch.Starts);
        for (int n = 0; n < 5; n++) Assert.Equal(batch.Targets[n], example.Learned.Ids[batch.Rows[n] + 1]);
        Assert.Equal([(int)'a', ByteTokenizer.End, 'b', 'c', ByteTokenizer.End, 'y', ByteTokenizer.End], batch.Targets);
        Assert.Equal(3, new ResponseBatch([example]).N);
    }

    [Fact]
    public void A_prompt_and_a_completion_of_messages_carry_loss_on_the_completion_alone()
    {
        Example example =
            Read(
                """{"prompt":[{"role":"user","content":"a"},{"role":"assistant","content":"x"},{"role":"user","content":"b"}],"completion":[{"role":"assistant","content":"c"}]}""");
        Assert.Null(example.Turns);
        Assert.Equal([(int)'c', ByteTokenizer.End], example.ResponseIds);
    }

    [Theory]
    [InlineData("""{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}""")]
    [InlineData(
        """{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":"a","extra":1}],"lang":"en"}""")]
    [InlineData("""{"conversations":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""")]
    public void Other_forms_of_a_conversation_are_the_same_tokens(string line)
    {
        Example expected = Read("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"""),
            example = Read(line);
        Assert.Equal(expected.PromptIds, example.PromptIds);
        Assert.Equal(expected.ResponseIds, example.ResponseIds);
    }

    [Fact]
    public void The_system_column_of_shared_conversations_is_the_first_message() =>
        Assert.Equal(
            Read(
                """{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""").PromptIds,
            Read("""{"system":"s","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}""").PromptIds);

    [Fact]
    public void Columns_that_are_not_read_are_named_once_and_a_misspelt_one_is_suggested()
    {
        List<string> said = [];
        string line = """{"prompt":"a","completion":"b","patern":"x","score":1,"id":7}""";
        Assert.Equal(2, JsonlReader.Read(Stream(line + "\n" + line), "f.jsonl", Tokenizer, options: new JsonlOptions { Say = said.Add })
            .Count());
        Assert.Equal("f.jsonl: columns 'patern', 'score' are not read. Did you mean 'pattern' by 'patern'?", Assert.Single(said));
    }

    [Fact]
    public void A_prompt_of_a_conversation_is_what_training_saw_before_the_last_turn() =>
        Assert.Equal(Read(TwoTurns).PromptIds, PromptReader.Read(Stream(TwoTurns), "f", Tokenizer).Single().Ids);

    private static Example Read(string line, JsonlOptions? options = null) =>
        JsonlReader.Read(Stream(line), "f.jsonl", Tokenizer, options: options).Single();

    private static MemoryStream Stream(string text) => new(Encoding.UTF8.GetBytes(text));
}
