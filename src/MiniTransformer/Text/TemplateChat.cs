using System.Text.Json;
using MiniTransformer.Text.Jinja;

namespace MiniTransformer.Text;

/// <summary>
/// Conversations by a chat template. What the assistant said is found from the template itself: what its generation blocks write, or else,
/// for each of the assistant's messages, what the conversation with that message has more than the conversation before it with the turn
/// opened
/// <code>
/// messages[..i], add_generation_prompt      &lt;|user|&gt;Hi&lt;|end|&gt;&lt;|assistant|&gt;
/// messages[..i+1]                           &lt;|user|&gt;Hi&lt;|end|&gt;&lt;|assistant|&gt;Hello.&lt;|end|&gt;
/// the turn                                                              Hello.&lt;|end|&gt;
/// </code>
/// Some templates write a turn differently once others follow (they drop its thoughts, or close the text after the last turn). There the
/// turn is what comes from the message's own text, and on to the special token that follows it.
/// </summary>
internal sealed class TemplateChat : ChatFormat
{
    /// <summary>The file that holds a template by itself.</summary>
    public const string FileName = "chat_template.jinja";

    private const long Largest = 1 << 24;

    private readonly JinjaTemplate template;
    private readonly JinjaTemplate? withTools;
    private readonly KeyValuePair<string, object?>[] variables;
    private readonly ITokenizer tokenizer;

    private TemplateChat(JinjaTemplate template, JinjaTemplate? withTools, KeyValuePair<string, object?>[] variables,
        ITokenizer tokenizer) =>
        (this.template, this.withTools, this.variables, this.tokenizer) = (template, withTools, variables, tokenizer);

    /// <summary>What the template's strftime_now calls now; the present where it is null.</summary>
    public DateTime? Now { get; init; }

    /// <summary>A template, with variables such as bos_token.</summary>
    /// <exception cref="JinjaException">It is not Jinja.</exception>
    public static TemplateChat Of(string template, ITokenizer tokenizer, IEnumerable<KeyValuePair<string, object?>>? variables = null) =>
        new(JinjaTemplate.Parse(template), null, [.. variables ?? []], tokenizer);

    /// <summary>The template of a model's folder, or null where there is none; see <see cref="Source"/>.</summary>
    /// <exception cref="InvalidDataException">A file is damaged, or the template is not Jinja; the message names the file.</exception>
    public static TemplateChat? Load(string folder, ITokenizer tokenizer) => Source(folder)(tokenizer);

    /// <summary>
    /// What reads the template of a model's folder: chat_template.jinja, else chat_template of tokenizer_config.json, a string or a list of
    /// named ones, of which tool_use is taken where there are tools. The special tokens of tokenizer_config.json are its variables:
    /// bos_token, eos_token ... The files are read at once, and what they say when the format is asked for.
    /// </summary>
    internal static Func<ITokenizer, TemplateChat?> Source(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string config = Path.Combine(folder, TokenizerFile.ConfigFileName), file = Path.Combine(folder, FileName);
        string? fields = TextOf(config), template = TextOf(file);
        return tokenizer =>
        {
            string named = config;
            try
            {
                using JsonDocument? document = fields is null ? null : JsonDocument.Parse(fields);
                KeyValuePair<string, object?>[] variables = document is null ? [] : [.. SpecialTokens(document.RootElement)];
                if (template is null) return FromConfig(document?.RootElement, variables, tokenizer);
                named = file;
                return new(JinjaTemplate.Parse(template), null, variables, tokenizer);
            }
            catch (Exception e) when (e
                is JinjaException or JsonException or InvalidOperationException or KeyNotFoundException or ArgumentException)
            {
                throw new InvalidDataException(
                    $"{named}: {(e is JinjaException ? e.Message : $"the chat template cannot be read: {e.Message}")}", e);
            }
        };
    }

    /// <summary>The text of a conversation.</summary>
    /// <exception cref="JinjaException">The template refuses it.</exception>
    public MarkedText Render(Conversation conversation, bool addGenerationPrompt) =>
        Render(conversation, conversation.Messages.Count, addGenerationPrompt);

    /// <inheritdoc/>
    public override ChatTokens Encode(Conversation conversation, bool addGenerationPrompt)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        MarkedText text = Render(conversation, addGenerationPrompt);
        TextToken[] tokens = tokenizer.Tokenize(text);
        List<ChatTurn> spans = Enumerable.Range(0, text.Length).Any(text.IsGenerated)
            ? Generated(text)
            : [.. Enumerable.Range(0, conversation.Messages.Count).Where(i => conversation.RoleOf(i) == "assistant")
                .Select(i => Turn(conversation, i, text, tokens, isLast: i == conversation.Messages.Count - 1 && !addGenerationPrompt))];
        IEnumerable<ChatTurn> turns = spans.Select(span => TokensOf(span, tokens)).Where(turn => turn.Start < turn.End);
        return new ChatTokens(text.Value, Array.ConvertAll(tokens, token => token.Id), [.. turns]);
    }

    private MarkedText Render(Conversation conversation, int count, bool addGenerationPrompt)
    {
        bool hasTools = conversation.Tools is { ValueKind: JsonValueKind.Array };
        List<KeyValuePair<string, object?>> given =
        [
            .. variables,
            new("messages", JinjaValue.Messages([.. conversation.Messages.Take(count)])),
            new("tools", hasTools ? JinjaValue.Data(conversation.Tools!.Value) : null),
            new("documents", null),
            new("add_generation_prompt", addGenerationPrompt),
        ];
        if (conversation.Variables is { ValueKind: JsonValueKind.Object } more)
            given.AddRange(more.EnumerateObject().Select(p => new KeyValuePair<string, object?>(p.Name, JinjaValue.Data(p.Value))));
        return (hasTools && withTools is not null ? withTools : template).Render(given, Now ?? DateTime.Now);
    }

    // The stretches that generation blocks wrote, in characters.
    private static List<ChatTurn> Generated(MarkedText text)
    {
        List<ChatTurn> spans = [];
        for (int start = 0, end, message; start < text.Length; start = end + 1)
        {
            while (start < text.Length && !text.IsGenerated(start)) start++;
            int own = -1;
            for (end = start; end < text.Length && text.IsGenerated(end); end++) own = Math.Max(own, text.MessageOf(end));
            message = own >= 0 ? own : MessageAfter(start);
            if (end > start) spans.Add(new ChatTurn(start, end, message));
        }

        return spans;

        // The message of a stretch that says nothing of its own, such as an empty answer's end token.
        int MessageAfter(int position) => Enumerable.Range(0, position).Select(text.MessageOf).Append(-1).Max() + 1;
    }

    // What the assistant said in a message, in characters.
    private ChatTurn Turn(Conversation conversation, int message, MarkedText text, TextToken[] tokens, bool isLast)
    {
        int[] own = [.. Enumerable.Range(0, text.Length).Where(c => text.MessageOf(c) == message)];
        int first = own.Length > 0 ? own[0] : text.Length, last = own.Length > 0 ? own[^1] : -1;
        int before = first;  // the end of what earlier messages say, as far as it stands before this one
        while (before > 0 && !(text.MessageOf(before - 1) >= 0 && text.MessageOf(before - 1) < message)) before--;

        int start = Agreement(conversation, message, addGenerationPrompt: true, text, tokens);
        if (start < before || start > first) start = first;
        int end = isLast ? text.Length : Agreement(conversation, message + 1, addGenerationPrompt: false, text, tokens);
        if (last < 0) last = start - 1;
        if (end > last && (isLast || Array.Exists(tokens, t => t.Start > last && t.End <= end && tokenizer.IsSpecial(t.Id))))
            return new ChatTurn(start, end, message);
        int next = Math.Max(last, start);  // where a later message begins, which is no part of this turn
        while (next < text.Length && text.MessageOf(next) <= message) next++;
        TextToken closing = Array.Find(tokens, t => t.Start > last && t.Start >= start && t.End <= next && tokenizer.IsSpecial(t.Id));
        end = closing.End > 0 ? closing.End : Math.Clamp(end, last + 1, Math.Max(last + 1, next));
        // which belongs to the turn before, too
        while (closing.End > 0 && end < text.Length && text.IsTemplate(end) && char.IsWhiteSpace(text.Value[end])) end++;
        return new ChatTurn(start, end, message);
    }

    // How far the whole text agrees with that of its first messages; where they part, at the begin of a token.
    private int Agreement(Conversation conversation, int count, bool addGenerationPrompt, MarkedText text, TextToken[] tokens)
    {
        string part;
        try
        {
            part = Render(conversation, count, addGenerationPrompt).Value;
        }
        catch (JinjaException)
        {
            return -1;  // not every beginning of a conversation is one
        }

        int same = part.AsSpan().CommonPrefixLength(text.Value);
        if (same == part.Length) return same;
        TextToken cut = Array.Find(tokens, t => t.Start < same && t.End > same);
        return cut.End > 0 ? cut.Start : same;
    }

    // The tokens that any of the characters belongs to.
    private static ChatTurn TokensOf(ChatTurn span, TextToken[] tokens)
    {
        int first = Array.FindIndex(tokens, t => t.End > span.Start && t.Start < span.End && t.End > t.Start);
        int last = Array.FindLastIndex(tokens, t => t.End > span.Start && t.Start < span.End && t.End > t.Start);
        return first < 0 ? default : new ChatTurn(first, last + 1, span.Message);
    }

    private static IEnumerable<KeyValuePair<string, object?>> SpecialTokens(JsonElement config)
    {
        foreach (JsonProperty field in config.EnumerateObject().Where(f => f.Name.EndsWith("_token", StringComparison.Ordinal)))
        {
            string? token = field.Value.ValueKind == JsonValueKind.String ? field.Value.GetString()
                : field.Value.ValueKind == JsonValueKind.Object && field.Value.TryGetProperty("content", out JsonElement content)
                ? content.GetString()
                : null;
            if (token is not null) yield return new(field.Name, token);
        }
    }

    private static TemplateChat? FromConfig(JsonElement? config, KeyValuePair<string, object?>[] variables, ITokenizer tokenizer)
    {
        if (config is not { } root || !root.TryGetProperty("chat_template", out JsonElement found) || found.ValueKind == JsonValueKind.Null)
        {
            return null;
        }
        Dictionary<string, string> templates = found.ValueKind == JsonValueKind.String
            ? new() { ["default"] = found.GetString()! }
            : found.EnumerateArray()
            .ToDictionary(one => one.GetProperty("name").GetString()!, one => one.GetProperty("template").GetString()!);
        if ((templates.GetValueOrDefault("default") ?? templates.Values.FirstOrDefault()) is not { } chosen) return null;
        JinjaTemplate? tools = templates.TryGetValue("tool_use", out string? text) ? JinjaTemplate.Parse(text) : null;
        return new(JinjaTemplate.Parse(chosen), tools, variables, tokenizer);
    }

    private static string? TextOf(string path)
    {
        if (!File.Exists(path)) return null;
        long length = new FileInfo(path).Length;
        return length <= Largest
            ? File.ReadAllText(path)
            : throw new InvalidDataException($"{path}: {length >> 20} MiB are too many for a chat template.");
    }
}
