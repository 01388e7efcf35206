using System.Text.Json;
using MiniTransformer.Text.Jinja;

namespace MiniTransformer.Text;

/// <summary>A conversation as data has it.</summary>
/// <param name="Messages">Objects with a role, a content, and what else the template reads: tool_calls, name, reasoning_content ...</param>
/// <param name="Tools">Descriptions of tools, which some templates show the model, or null.</param>
/// <param name="Variables">An object with further variables of the template, such as enable_thinking, or null.</param>
public sealed record Conversation(IReadOnlyList<JsonElement> Messages, JsonElement? Tools = null, JsonElement? Variables = null)
{
    /// <summary>The conversation of messages in plain text.</summary>
    public static Conversation Of(IEnumerable<ChatMessage> messages) =>
        new([.. messages.Select(m =>
            JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["role"] = m.Role, ["content"] = m.Content }))]);

    /// <summary>The role of a message.</summary>
    public string RoleOf(int message) => Messages[message].GetProperty("role").GetString()!;

    /// <summary>A message's text: its content, its text parts one after another, or nothing.</summary>
    public string TextOf(int message) =>
        !Messages[message].TryGetProperty("content", out JsonElement content) ? "" : content.ValueKind switch
        {
            JsonValueKind.String => content.GetString()!,
            JsonValueKind.Array => string.Concat(content.EnumerateArray().Select(part => part.GetProperty("text").GetString())),
            _ => "",
        };
}

/// <summary>A conversation as tokens.</summary>
/// <param name="Text">The rendered text.</param>
/// <param name="Ids">Its tokens, the begin token among them where the format has one.</param>
/// <param name="Turns">What the assistant said: this carries loss, the end token of each turn included.</param>
public sealed record ChatTokens(string Text, int[] Ids, IReadOnlyList<ChatTurn> Turns);

/// <summary>The tokens from Start up to End, which the assistant said in a message, counted from 0.</summary>
public readonly record struct ChatTurn(int Start, int End, int Message);

/// <summary>How conversations are written for a tokenizer: by role markers, or by the chat template of its folder.</summary>
public abstract class ChatFormat
{
    /// <summary>The tokens of a conversation, with the opening of the assistant's next turn at its end if it is a prompt.</summary>
    /// <exception cref="ArgumentException">The conversation cannot be written: a role that there is no marker for.</exception>
    /// <exception cref="JinjaException">The template refuses it.</exception>
    public abstract ChatTokens Encode(Conversation conversation, bool addGenerationPrompt);
}

/// <summary>
/// Conversations of tokenizers with role markers, as our own models have them; see <see cref="ChatTemplate"/>. What a tool answers is
/// brought by the user, between &lt;tool_response&gt; and &lt;/tool_response&gt;, and a call of the assistant's is JSON between
/// &lt;tool_call&gt; and &lt;/tool_call&gt;: text, not tokens.
/// </summary>
internal sealed class MarkerChat(ITokenizer tokenizer) : ChatFormat
{
    /// <inheritdoc/>
    public override ChatTokens Encode(Conversation conversation, bool addGenerationPrompt)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        List<int> ids = [.. tokenizer.EncodePrompt("")];
        List<ChatTurn> turns = [];
        for (int i = 0; i < conversation.Messages.Count; i++)
        {
            string role = conversation.RoleOf(i);
            bool isTool = role == "tool";
            ids.Add(ChatTemplate.Marker(isTool ? "user" : role, tokenizer));
            int start = ids.Count;
            string text = conversation.TextOf(i);
            ids.AddRange(tokenizer.EncodeResponse(isTool
                ? $"<tool_response>\n{text}\n</tool_response>"
                : text + Calls(conversation.Messages[i], text)));
            if (role == "assistant") turns.Add(new ChatTurn(start, ids.Count, i));
        }

        if (addGenerationPrompt) ids.Add(ChatTemplate.Marker("assistant", tokenizer));
        return new ChatTokens(Written(ids), [.. ids], turns);
    }

    private static string Calls(JsonElement message, string text)
    {
        if (!message.TryGetProperty("tool_calls", out JsonElement calls) || calls.ValueKind != JsonValueKind.Array) return "";
        IEnumerable<string> written = calls.EnumerateArray().Select(call =>
            $"<tool_call>\n{(call.TryGetProperty("function", out JsonElement function) ? function : call).GetRawText()}\n</tool_call>");
        string all = string.Join('\n', written);
        return all.Length > 0 && text.Length > 0 ? "\n" + all : all;
    }

    // Special tokens by their names, everything between them as text.
    private string Written(List<int> ids)
    {
        System.Text.StringBuilder text = new();
        for (int start = 0; start < ids.Count;)
        {
            int end = start;
            while (end < ids.Count && !tokenizer.IsSpecial(ids[end])) end++;
            text.Append(tokenizer.Decode(ids.Slice(start, end - start).ToArray()));
            if (end < ids.Count) text.Append(tokenizer.TokenText(ids[end]));
            start = end + 1;
        }

        return text.ToString();
    }
}
