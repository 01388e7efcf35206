namespace MiniTransformer.Text;

/// <summary>One message of a conversation; the role is "system", "user" or "assistant".</summary>
public sealed record ChatMessage(string Role, string Content);

/// <summary>
/// A conversation as tokens: <c>&lt;begin&gt;</c>, then <c>&lt;role&gt; text &lt;end&gt;</c> for each message. The last message is the
/// assistant's and is the response, its <c>&lt;end&gt;</c> included; its <c>&lt;assistant&gt;</c> marker closes the prompt. Earlier
/// assistant messages are context.
/// </summary>
public static class ChatTemplate
{
    /// <summary>A finished conversation as prompt and response.</summary>
    /// <exception cref="ArgumentException">The last message is not the assistant's, a role is unknown, or the tokenizer has no role
    /// markers.</exception>
    public static (int[] PromptIds, int[] ResponseIds) Encode(IReadOnlyList<ChatMessage> messages, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (messages.Count == 0 || messages[^1].Role != "assistant")
        {
            string arrived = messages.Count == 0 ? "there is no message" : $"it is the {messages[^1].Role}'s";
            throw new ArgumentException($"The last message must be the assistant's, for it is the response; {arrived}.", nameof(messages));
        }

        int[] prompt = EncodePrompt(messages.Take(messages.Count - 1).ToArray(), tokenizer);
        return (prompt, tokenizer.EncodeResponse(messages[^1].Content));
    }

    /// <summary>A conversation that awaits the assistant's answer: it ends with the <c>&lt;assistant&gt;</c> marker.</summary>
    /// <exception cref="ArgumentException">A role is unknown, or the tokenizer has no role markers.</exception>
    public static int[] EncodePrompt(IReadOnlyList<ChatMessage> messages, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(tokenizer);
        List<int> ids = [.. tokenizer.EncodePrompt("")];
        foreach (ChatMessage message in messages)
        {
            ids.Add(Marker(message.Role, tokenizer));
            ids.AddRange(tokenizer.EncodeResponse(message.Content));
        }

        ids.Add(Marker("assistant", tokenizer));
        return [.. ids];
    }

    internal static int Marker(string role, ITokenizer tokenizer)
    {
        if (tokenizer.RoleId(role) is int id) return id;
        throw new ArgumentException(tokenizer.RoleId("assistant") is null
            ? "This tokenizer has no chat role markers; use prompt and completion instead of messages."
            : $"Unknown role '{role}'; roles are system, user and assistant.");
    }
}
