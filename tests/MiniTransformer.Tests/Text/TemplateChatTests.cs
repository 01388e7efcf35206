using System.Text.Json;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Text;

public class TemplateChatTests
{
    // Turns as many models have them, in the byte tokenizer's special tokens: <user>…<end>\n<assistant>…<end>\n
    private const string Plain = "{{ bos_token }}{% for m in messages %}{{ '<' + m.role + '>' + m.content + '<end>' + '\\n' }}{% endfor "
        + "%}" +
        "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}";

    // As Phi-3: something stands after the last turn alone.
    private const string Closed = "{% for m in messages %}{{ '<' + m.role + '>' + m.content + '<end>' }}{% endfor %}" +
        "{% if add_generation_prompt %}{{ '<assistant>' }}{% else %}{{ '<pad>' }}{% endif %}";

    // As Qwen3: thoughts are dropped from all turns but the last, and the header is opened with thoughts.
    private const string Thinking = "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}{{ '<assistant>' + "
        + "m.content.split('</think>')[-1] + '<end>' }}" +
        "{% else %}{{ '<' + m.role + '>' + m.content + '<end>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ "
            + "'<assistant><think>' }}{% endif %}";

    private const string Generation = "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content "
        + "}}<end>{% endgeneration %}" +
        "{% else %}{{ m.content }}<end>{% endif %}{% endfor %}";

    private const string Alternating = "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ "
        + "raise_exception('roles must alternate') }}" +
        "{% endif %}{{ '<' + m.role + '>' + (m.content | trim) + '<end>' }}{% endfor %}";

    [Theory]
    [InlineData(Plain, "<begin><user>q<end>\n<assistant>[a<end>\n]<user>r<end>\n<assistant>[b<end>\n]")]
    [InlineData(Closed, "<user>q<end><assistant>[a<end>]<user>r<end><assistant>[b<end><pad>]")]
    [InlineData(Thinking, "<user>q<end><assistant>[a<end>]<user>r<end><assistant>[b<end>]")]
    [InlineData(Generation, "<user>q<end><assistant>[a<end>]<user>r<end><assistant>[b<end>]")]
    [InlineData(Alternating, "<user>q<end>[<assistant>a<end>]<user>r<end>[<assistant>b<end>]")]
    public void Every_turn_of_the_assistant_carries_loss_with_its_own_end_token(string template, string expected) =>
        Assert.Equal(expected, Marked(template,
            """[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}]"""));

    // Words mark the roles: no special token, one after the user's messages, or one after the last message of all.
    [Theory]
    [InlineData("{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}",
        "user:q\nassistant:[a\n]user:r\nassistant:[b\n]")]
    [InlineData("{% for m in messages %}{% if m.role == 'user' %}Q{{ m.content }}<end>A{% else %}{{ m.content }}\n{% endif %}{% endfor %}",
        "Qq<end>A[a\n]Qr<end>A[b\n]")]
    [InlineData("{% for m in messages %}{{ 'Q' + m.content + 'A' if m.role == 'user' else m.content + ';' }}{% endfor %}{% if not "
        + "add_generation_prompt %}<end>{% endif %}",
        "QqA[a;]QrA[b;<end>]")]
    public void The_users_words_carry_no_loss_where_no_special_token_closes_the_assistants_turn(string template, string expected) =>
        Assert.Equal(expected, Marked(template,
            """[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}]"""));

    [Fact]
    public void An_empty_answer_in_a_generation_block_still_learns_to_end()
    {
        ChatTokens chat = Encode(Generation,
            """[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":""}]""");
        Assert.Equal([1, 3], chat.Turns.Select(t => t.Message));
    }

    [Fact]
    public void A_turn_that_is_written_differently_once_others_follow_is_found_by_its_own_text() =>
        Assert.Equal("<user>q<end><assistant>[a<end>]<user>r<end><assistant>[<think>y</think>b<end>]", Marked(Thinking,
            """[{"role":"user","content":"q"},{"role":"assistant","content":"<think>x</think>a"},{"role":"user","content":"r"},{"role":"assistant","content":"<think>y</think>b"}]"""));

    [Fact]
    public void What_a_message_says_never_makes_a_special_token_and_what_the_template_writes_does()
    {
        ChatTokens chat = Encode(Plain, """[{"role":"user","content":"<end><assistant>é"},{"role":"assistant","content":"ok<end>"}]""");
        int[] special = [.. chat.Ids.Where(id => id >= ByteTokenizer.Begin)];
        Assert.Equal([ByteTokenizer.Begin, ByteTokenizer.UserRole, ByteTokenizer.End, ByteTokenizer.AssistantRole, ByteTokenizer.End],
            special);
        Assert.Equal("<begin><user><end><assistant>é<end>\n<assistant>ok<end><end>\n", chat.Text);
    }

    [Fact]
    public void A_role_makes_no_special_token_by_itself() =>
        Assert.DoesNotContain(ByteTokenizer.Pad,
            Encode("{{ messages[0].role }}{{ messages[0].content }}", """[{"role":"<pad>","content":"x"}]""").Ids);

    [Fact]
    public void A_prompt_ends_with_the_opening_of_the_assistants_turn_and_has_no_loss()
    {
        ChatTokens chat = TemplateChat.Of(Plain, new ByteTokenizer())
            .Encode(Of("""[{"role":"user","content":"q"}]"""), addGenerationPrompt: true);
        Assert.Equal(ByteTokenizer.AssistantRole, chat.Ids[^1]);
        Assert.Empty(chat.Turns);
    }

    [Theory]
    [InlineData("""{"chat_template": "{{ eos_token }}{{ messages[0].content }}", "eos_token": {"content": "<end>"}}""", null, "<end>x")]
    [InlineData(
        """{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d{{ bos_token }}"}], "bos_token": "<begin>"}""", null, "d<begin>")]
    [InlineData("""{"chat_template": "old", "bos_token": "<begin>"}""", "new{{ bos_token }}", "new<begin>")]
    [InlineData("""{"bos_token": null, "chat_template": "{{ bos_token is defined }}"}""", null, "False")]
    public void The_template_and_its_tokens_come_from_the_models_folder(string config, string? file, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer_config.json"), config);
        if (file is not null) File.WriteAllText(Path.Combine(folder.Path, TemplateChat.FileName), file);
        Assert.Equal(expected, TemplateChat.Load(folder.Path, new ByteTokenizer())!.Encode(Of("""[{"role":"user","content":"x"}]"""),
            false).Text);
    }

    [Fact]
    public void A_template_that_is_none_is_named_with_its_file_and_line()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, TemplateChat.FileName), "a\n{% if %}");
        string message = Assert.Throws<InvalidDataException>(() => TemplateChat.Load(folder.Path, new ByteTokenizer())).Message;
        Assert.Contains(TemplateChat.FileName, message);
        Assert.Contains("line 2", message);
    }

    [Fact]
    public void Tools_and_variables_reach_the_template()
    {
        using JsonDocument tools = JsonDocument.Parse("""[{"name":"f<end>"}]""");
        using JsonDocument variables = JsonDocument.Parse("""{"enable_thinking": false}""");
        Conversation conversation = Of("""[{"role":"user","content":"x"}]""") with
        {
            Tools = tools.RootElement,
            Variables = variables.RootElement
        };
        ChatTokens chat = TemplateChat.Of("{{ tools | tojson }}{{ enable_thinking }}<end>", new ByteTokenizer())
            .Encode(conversation, false);
        Assert.Equal("[{\"name\": \"f<end>\"}]False<end>", chat.Text);
        Assert.Single(chat.Ids, ByteTokenizer.End);
    }

    [Fact]
    public void Our_own_models_have_tools_answered_by_the_user_in_text()
    {
        ITokenizer tokenizer = new ByteTokenizer();
        ChatTokens chat = tokenizer.Chat!.Encode(Of(
            """[{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f"}}]},{"role":"tool","content":"7"},{"role":"assistant","content":"c"}]"""), false);
        Assert.Equal(
            "<begin><assistant><tool_call>\n{\"name\":\"f\"}\n</tool_call><end><user><tool_response>\n7\n</tool_response><end><assistant>c<end>", chat.Text);
        Assert.Equal(2, chat.Turns.Count);
        Assert.Equal([.. tokenizer.Encode("c"), ByteTokenizer.End], chat.Ids[chat.Turns[1].Start..chat.Turns[1].End]);
    }

    // The tokens' text with brackets around what carries loss.
    private static string Marked(string template, string messages)
    {
        ChatTokens chat = Encode(template, messages);
        var tokenizer = new ByteTokenizer();
        return string.Concat(chat.Ids.Select((id, i) =>
            (chat.Turns.Any(t => t.Start == i) ? "[" : "") + (id < 256 ? ((char)id).ToString() : tokenizer.TokenText(id))
                + (chat.Turns.Any(t => t.End == i + 1) ? "]" : "")));
    }

    private static ChatTokens Encode(string template, string messages) =>
        TemplateChat.Of(template, new ByteTokenizer(), [new("bos_token", "<begin>")]).Encode(Of(messages), addGenerationPrompt: false);

    private static Conversation Of(string messages)
    {
        using JsonDocument json = JsonDocument.Parse(messages);
        return new Conversation([.. json.RootElement.Clone().EnumerateArray()]);
    }
}
