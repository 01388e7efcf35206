using System.Text;
using FsCheck.Xunit;
using MiniTransformer.Data;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Data;

public class JsonlReaderTests
{
    private static readonly ByteTokenizer Tokenizer = new();

    private static readonly string[] Good =
    [
        """{"prompt": "rev:ab=", "completion": "ba"}""",
        """{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "é"}]}""",
        """{"prompt_ids": [256, 97], "completion_ids": [98, 257], "id": {"n": [1]}}""",
    ];

    [Fact]
    public void The_three_forms_are_read()
    {
        Example[] examples = Read(string.Join('\n', Good));
        Assert.Equal([256, 'r', 'e', 'v', ':', 'a', 'b', '='], examples[0].PromptIds);
        Assert.Equal([(int)'b', 'a', 257], examples[0].ResponseIds);
        Assert.Equal(("rev:ab=", "ba", "f.jsonl:1"), (examples[0].Prompt, examples[0].Response, examples[0].Source));
        Assert.Equal([256, 259, 's', 257, 260, 'q', 257, 261], examples[1].PromptIds);
        Assert.Equal([0xC3, 0xA9, 257], examples[1].ResponseIds);
        Assert.Equal(("system: s\nuser: q", "é"), (examples[1].Prompt, examples[1].Response));
        Assert.Equal([256, 97], examples[2].PromptIds);
        Assert.Equal([98, 257], examples[2].ResponseIds);
        Assert.Equal("f.jsonl:3", examples[2].Source);
    }

    [Fact]
    public void Ids_are_used_as_they_are_and_need_no_tokenizer()
    {
        Example example = Assert.Single(Read("""{"prompt_ids":[5],"completion_ids":[31999]}""", tokenizer: null));
        Assert.Equal([5], example.PromptIds);
        Assert.Equal([31999], example.ResponseIds);
    }

    [Fact]
    public void A_byte_order_mark_CRLF_and_blank_lines_are_passed_over_and_still_counted()
    {
        Example[] examples = Read("\uFEFF\r\n" + Good[0] + "\r\n   \r\n\r\n" + Good[2] + "\r\n");
        Assert.Equal(["f.jsonl:2", "f.jsonl:5"], examples.Select(e => e.Source));
    }

    [Fact]
    public void Lines_longer_than_any_buffer_are_read_whole()
    {
        string text = new('x', 200_000);
        Example[] examples = Read($$"""{"prompt":"{{text}}","completion":"a"}""" + "\n" + Good[0]);
        Assert.Equal(text, examples[0].Prompt);
        Assert.Equal("f.jsonl:2", examples[1].Source);
    }

    [Theory]
    [InlineData("""{"prompt":"a","completion":"b" """, "1:32: not valid JSON")]
    [InlineData("""{"prompt":"é","completion":x}""", "1:28: not valid JSON")]
    [InlineData("""{"prompt":"a","completion":"b"} {}""", "1:33: not valid JSON")]
    [InlineData("""  ["a","b"]""", "1:3: a line must be an object; it is an array")]
    [InlineData("""{"prompt":"a"}""", "1:1: missing field 'completion'")]
    [InlineData("""{"completion":"a"}""", "1:1: missing field 'prompt'")]
    [InlineData("""{}""", "1:1: missing field 'prompt'")]
    [InlineData("""{"prompt_ids":[1]}""", "1:1: missing field 'completion_ids'")]
    [InlineData("""{"prompt":"a","complettion":"b"}""", "missing field 'completion'; a line is")]
    [InlineData("""{"prompt":"a","complettion":"b"}""", "Did you mean 'completion' by 'complettion'?")]
    [InlineData("""{"mesages":[]}""", "missing field 'prompt'")]
    [InlineData("""{"prompt":[{"role":"user","content":"a"}],"completion":"b"}""", "both text or both lists of messages")]
    [InlineData("""{"conversations":[{"from":"me","value":"b"}]}""", "'me' is nobody that a message can be from")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]}]}""", "of type 'image'")]
    [InlineData("""{"messages":[{"role":"user","contnt":"q"}]}""", "Did you mean 'content' by 'contnt'?")]
    [InlineData("""{"messages":[{"role":"user","content":null}]}""", "'content' of a message must be a string; it is null")]
    [InlineData("""{"messages":[{"role":"user","content":"a\ud800"}]}""", "1:14: the text holds half of a surrogate pair")]
    [InlineData("""{"text":"a"}""", "'text' has no response to learn")]
    [InlineData("""{"prompt":"a","completion":"b","prompt":"c"}""", "1:32: field 'prompt' appears twice")]
    [InlineData("""{"prompt":"a","completion_ids":[1]}""", "1:32: 'completion_ids' does not go with 'prompt'")]
    [InlineData("""{"prompt":1,"completion":"b"}""", "1:11: 'prompt' must be a string; it is a number")]
    [InlineData("""{"prompt":"a","completion":null}""", "1:28: 'completion' must be a string; it is null")]
    [InlineData("""{"prompt":"a\ud800","completion":"b"}""", "1:11: the text holds half of a surrogate pair")]
    [InlineData("""{"\ud800":1}""", "1:2: the text holds half of a surrogate pair")]
    [InlineData("""{"prompt_ids":[1,2.5],"completion_ids":[1]}""", "1:18: an id of 'prompt_ids' must be an integer")]
    [InlineData("""{"prompt_ids":[1],"completion_ids":[-1]}""", "1:37: an id of 'completion_ids' must be an integer")]
    [InlineData("""{"prompt_ids":[1],"completion_ids":[99999999999]}""", "1:37: an id of 'completion_ids' must be an integer")]
    [InlineData("""{"prompt_ids":[1],"completion_ids":["a"]}""", "1:37: an id of 'completion_ids' must be a number; it is a string")]
    [InlineData("""{"prompt_ids":[262],"completion_ids":[1]}""", "1:15: token id 262 of 'prompt_ids' lies outside the vocabulary [0, 262)")]
    [InlineData("""{"prompt_ids":[],"completion_ids":[1]}""", "1:15: 'prompt_ids' is empty")]
    [InlineData("""{"prompt_ids":[1],"completion_ids":[]}""", "1:36: 'completion_ids' is empty, so no token of this line would carry loss")]
    [InlineData("""{"messages":[]}""", "1:13: the last message must be the assistant's")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}]}""", "it is the user's")]
    [InlineData("""{"messages":[{"role":"tool","content":"q"}]}""", "it is the tool's")]
    [InlineData("""{"messages":[{"role":"robot","content":"q"},{"role":"assistant","content":"a"}]}""", "Unknown role 'robot'")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "1:14: missing field 'content' in a message")]
    [InlineData("""{"messages":["hello"]}""", "1:14: a message must be an object; it is a string")]
    public void A_line_that_cannot_be_used_is_named_with_column_and_reason(string line, string message)
    {
        DataException e = Assert.Throws<DataException>(() => Read(line));
        Assert.StartsWith("f.jsonl:1:", e.Message);
        Assert.Contains(message, e.Message);
        Assert.Equal(("f.jsonl", 1L), (e.File, e.Line));
        Assert.Equal($"f.jsonl:1:{e.Column}: ", e.Message[..(e.Message.IndexOf(": ", StringComparison.Ordinal) + 2)]);
    }

    [Fact]
    public void Lines_before_the_bad_one_are_delivered()
    {
        List<Example> read = [];
        DataException e = Assert.Throws<DataException>(() =>
        {
            foreach (Example example in Stream(Good[0] + "\n\n" + Good[2] + "\n{oops}\n")) read.Add(example);
        });
        Assert.Equal(2, read.Count);
        Assert.Equal((4L, 2), (e.Line, e.Column));
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_named_by_their_place()
    {
        byte[] line = [.. "{\"prompt\":\"é"u8, 0xFF, .. "\",\"completion\":\"b\"}"u8];
        DataException e = Assert.Throws<DataException>(() => Read(line));
        Assert.StartsWith("f.jsonl:1:13: byte 0xFF is not valid UTF-8", e.Message);
        Assert.Contains("UTF-16", Assert.Throws<DataException>(() => Read([0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Good[0])])).Message);
    }

    [Fact]
    public void Text_without_tokenizer_says_what_to_use()
    {
        Assert.Contains("prompt_ids", Assert.Throws<DataException>(() => Read(Good[0], tokenizer: null)).Message);
        Assert.Contains("prompt_ids", Assert.Throws<DataException>(() => Read(Good[1], tokenizer: null)).Message);
    }

    [Fact]
    public void Text_is_checked_against_the_models_vocabulary_too()
    {
        DataException e = Assert.Throws<DataException>(() => Stream(Good[0], vocabSize: 256).ToArray());
        Assert.Contains("token id 256", e.Message);
    }

    [Fact]
    public void An_empty_completion_still_teaches_the_end_token()
    {
        Assert.Equal([257], Assert.Single(Read("""{"prompt":"a","completion":""}""")).ResponseIds);
    }

    [Fact]
    public void A_missing_file_is_refused_at_once() =>
        Assert.Throws<FileNotFoundException>(() => JsonlReader.Read("no/such/file.jsonl", Tokenizer));

    [Fact]
    public void Prompts_are_read_with_and_without_responses()
    {
        string text = string.Join('\n',
            [.. Good, """{"prompt":"a"}""", """{"messages":[{"role":"user","content":"q"}]}""", """{"prompt_ids":[7]}"""]);
        Prompt[] prompts = PromptReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "p", Tokenizer).ToArray();
        Assert.Equal(Read(string.Join('\n', Good)).Select(e => e.PromptIds), prompts.Take(3).Select(p => p.Ids));
        Assert.Equal([256, 'a'], prompts[3].Ids);
        Assert.Equal([256, 260, 'q', 257, 261], prompts[4].Ids);
        Assert.Equal([7], prompts[5].Ids);
        Assert.Equal((null, "p:6"), (prompts[5].Text, prompts[5].Source));
    }

    [Theory]
    [InlineData("""{"completion":"a"}""", "missing field 'prompt'")]
    [InlineData("""{"completion_ids":[1]}""", "missing field 'prompt_ids'")]
    [InlineData("""{"prompt_ids":[]}""", "'prompt_ids' is empty")]
    [InlineData("""{"messages":[{"role":"assistant","content":"a"}]}""", "no message to answer")]
    public void A_line_without_prompt_is_named(string line, string message) =>
        Assert.Contains(message, Assert.Throws<DataException>(() =>
            PromptReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(line)), "p", Tokenizer).ToArray()).Message);

    [Property(MaxTest = 2000)]
    public bool Any_bytes_are_examples_or_a_DataException(byte[] bytes) => IsReadOrRefused(bytes);

    // Random bytes seldom get past the first one: good lines with some bytes changed, removed or repeated reach every branch.
    [Property(MaxTest = 5000)]
    public bool Damaged_lines_are_examples_or_a_DataException(byte which, uint[] changes)
    {
        List<byte> bytes = [.. Encoding.UTF8.GetBytes(Good[which % Good.Length] + "\n" + Good[which / 3 % Good.Length])];
        foreach (uint change in changes.Take(4))
        {
            int at = (int)(change >> 16) % bytes.Count;
            byte value = change % 3 == 0 ? (byte)(change >> 8) : (byte)"{}[]\",:\\u0d8 \n1-e"[(int)(change >> 8) % 17];
            if (change % 5 == 0) bytes.RemoveAt(at);
            else if (change % 5 == 1) bytes.Insert(at, value);
            else bytes[at] = value;
        }

        return IsReadOrRefused([.. bytes]);
    }

    private static bool IsReadOrRefused(byte[] bytes)
    {
        try
        {
            Example[] examples = Read(bytes);
            return examples.All(e =>
                e.PromptIds.Length > 0 && e.ResponseIds.Length > 0 && e.PromptIds.Concat(e.ResponseIds).All(id => id is >= 0 and < 262));
        }
        catch (DataException e)
        {
            return e.Line >= 1 && e.Column >= 1 && e.File == "f.jsonl";
        }
    }

    private static Example[] Read(string text, ITokenizer? tokenizer) => Stream(text, tokenizer).ToArray();

    private static Example[] Read(string text) => Stream(text).ToArray();

    private static Example[] Read(byte[] bytes) => JsonlReader.Read(new MemoryStream(bytes), "f.jsonl", Tokenizer).ToArray();

    private static IEnumerable<Example> Stream(string text, int? vocabSize = null) => Stream(text, Tokenizer, vocabSize);

    private static IEnumerable<Example> Stream(string text, ITokenizer? tokenizer, int? vocabSize = null) =>
        JsonlReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "f.jsonl", tokenizer, vocabSize);
}
