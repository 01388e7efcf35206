using System.Text.Json;
using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>
/// The fields of one line: exactly one of the forms prompt + completion (text, or lists of messages), messages, conversations (ShareGPT's),
/// prompt_ids + completion_ids, text. Columns that nothing here reads are passed over and named once; where the line lacks a field, one
/// that is spelled nearly like it is named.
/// </summary>
internal sealed class JsonlRecord
{
    private const string Forms =
        "a line is {\"prompt\",\"completion\"}, {\"messages\":[{\"role\",\"content\"},...]} or {\"prompt_ids\",\"completion_ids\"}";

    // Columns that are read.
    internal static readonly string[] Columns =
    [
        "prompt", "completion", "messages", "conversations", "prompt_ids", "completion_ids", "text", "pattern", "answer", "gold", "tools",
        "system", "chat_template_kwargs",
        "add_generation_prompt",
    ];

    // Columns that describe a line, and need no word.
    private static readonly string[] Described = ["id", "source", "task", "metadata"];

    private readonly JsonlLine line;
    private readonly Dictionary<string, long> places = [];
    private readonly List<string> unread = [];
    private JsonElement? tools, variables;
    private List<JsonElement>? promptMessages, completionMessages;
    private string? systemText;

    public JsonlRecord(JsonlLine line)
    {
        this.line = line;
        line.CheckUtf8();
        Utf8JsonReader reader = new(line.Text);
        try
        {
            reader.Read();
            Expect(ref reader, JsonTokenType.StartObject, "a line");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName) ReadField(ref reader);
            reader.Read();  // refuses anything after the object
        }
        catch (JsonException e)
        {
            throw line.Error(e);
        }

        string[] forms = places.Keys.Where(k => FormOf(k) is not null).DistinctBy(FormOf).ToArray();
        if (forms.Length > 1 && forms.Contains("text"))
        {
            // A column beside another form, such as the same rendered.
            forms = [.. forms.Where(form => form != "text")];
            unread.Add("text");
        }

        if (forms.Length == 0) throw Missing("prompt");
        if (forms.Length > 1) throw line.Error(places[forms[1]], $"'{forms[1]}' does not go with '{forms[0]}': {Forms}.");
        if ((Prompt ?? Completion) is not null && (promptMessages ?? completionMessages) is not null)
            throw line.Error(places["completion"], "'prompt' and 'completion' are both text or both lists of messages.");
        if (promptMessages is not null || completionMessages is not null)
        {
            Chat = new Conversation([.. promptMessages ?? throw Missing("prompt"), .. completionMessages ?? []]);
            ChatField = "prompt";
        }

        if (systemText is not null && ChatField == "conversations" && Chat is not null)
        {
            Chat = new Conversation([Message("system", systemText), .. Chat.Messages]);
        }
        else if (systemText is not null) unread.Add("system");
        if (Chat is not null) Chat = Chat with { Tools = tools, Variables = variables };
    }

    public string? Prompt { get; private set; }

    public string? Completion { get; private set; }

    public int[]? PromptIds { get; private set; }

    public int[]? CompletionIds { get; private set; }

    public string? Pattern { get; private set; }

    public string? Gold { get; private set; }

    /// <summary>A whole text, of which inspect shows the tokens.</summary>
    public string? WholeText { get; private set; }

    /// <summary>
    /// The conversation of the line, or null: of messages, of ShareGPT's conversations, or of a prompt and a completion of messages.
    /// </summary>
    public Conversation? Chat { get; private set; }

    /// <summary>The field that the conversation stands in.</summary>
    public string ChatField { get; private set; } = "messages";

    /// <summary>The messages of the conversation that were given as its prompt, none of which carries loss.</summary>
    public int PromptMessages => promptMessages?.Count ?? 0;

    /// <summary>Whether the assistant's next turn is to be opened, where the line says it.</summary>
    public bool? AddGenerationPrompt { get; private set; }

    /// <summary>Columns that are not read.</summary>
    public IReadOnlyList<string> Unread => unread;

    /// <summary>An error at a field's value.</summary>
    public DataException Error(string field, string message) => line.Error(places[field], message);

    /// <summary>An error about a field that the line should have and has not.</summary>
    public DataException Missing(string field, string note = "") =>
        line.Error($"missing field '{field}'{note}; {Forms}."
            + (Nearest.Of(field, unread) is { } near ? $" Did you mean '{field}' by '{near}'?" : ""));

    private static string? FormOf(string field) => field switch
    {
        "prompt" or "completion" => "text",
        "messages" or "conversations" or "text" => field,
        "prompt_ids" or "completion_ids" => "ids",
        _ => null,
    };

    private void ReadField(ref Utf8JsonReader reader)
    {
        long at = reader.TokenStartIndex;
        string name = Text(ref reader);
        if (places.ContainsKey(name)) throw line.Error(at, $"field '{name}' appears twice.");
        reader.Read();
        places[name] = reader.TokenStartIndex;
        switch (name)
        {
            case "prompt" when reader.TokenType == JsonTokenType.StartArray: promptMessages = ReadMessages(ref reader, name); break;
            case "completion" when reader.TokenType == JsonTokenType.StartArray: completionMessages = ReadMessages(ref reader, name); break;
            case "prompt": Prompt = ReadString(ref reader, name); break;
            case "completion": Completion = ReadString(ref reader, name); break;
            case "messages" or "conversations":
                Chat = new Conversation(ReadMessages(ref reader, name));
                ChatField = name;
                break;
            case "prompt_ids": PromptIds = ReadIds(ref reader, name); break;
            case "completion_ids": CompletionIds = ReadIds(ref reader, name); break;
            case "pattern": Pattern = ReadString(ref reader, name); break;
            case "answer" or "gold": Gold = ReadAnswer(ref reader, name); break;
            case "text": WholeText = ReadString(ref reader, name); break;
            case "add_generation_prompt": AddGenerationPrompt = ReadBoolean(ref reader, name); break;
            case "tools": tools = ReadTools(ref reader); break;
            case "system": systemText = ReadString(ref reader, name); break;
            case "chat_template_kwargs":
                Expect(ref reader, JsonTokenType.StartObject, $"'{name}'");
                variables = Value(ref reader);
                break;
            default:
                if (!Described.Contains(name)) unread.Add(name);
                reader.Skip();
                break;
        }
    }

    // A right answer: a text, or a number as it is written.
    private string ReadAnswer(ref Utf8JsonReader reader, string name)
    {
        string other = name == "gold" ? "answer" : "gold";
        if (places.ContainsKey(other))
        {
            throw line.Error(places[name], $"'{name}' and '{other}' are the same field, the right answer; give one of them.");
        }
        return reader.TokenType == JsonTokenType.Number
            ? System.Text.Encoding.UTF8.GetString(reader.ValueSpan)
            : ReadString(ref reader, name);
    }

    // Messages as {"role", "content", ...}, or as ShareGPT has them, {"from", "value"}.
    private List<JsonElement> ReadMessages(ref Utf8JsonReader reader, string name)
    {
        List<JsonElement> messages = [];
        Expect(ref reader, JsonTokenType.StartArray, $"'{name}'");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long start = reader.TokenStartIndex;
            Expect(ref reader, JsonTokenType.StartObject, "a message");
            JsonElement message = Value(ref reader);
            string[] names = [.. message.EnumerateObject().Select(p => p.Name)];
            if (Array.Find(names, n => names.Count(m => m == n) > 1) is { } twice)
            {
                throw line.Error(start, $"field '{twice}' appears twice in a message.");
            }
            messages.Add(names.Contains("from") && names.Contains("value") ? Shared(message, start) : Checked(message, names, start));
        }

        return messages;
    }

    private JsonElement Shared(JsonElement message, long start)
    {
        JsonElement from = message.GetProperty("from"), value = message.GetProperty("value");
        if (from.ValueKind != JsonValueKind.String || value.ValueKind != JsonValueKind.String)
        {
            throw line.Error(start, "'from' and 'value' of a message must be strings.");
        }
        string role = from.GetString() switch
        {
            "human" or "user" => "user",
            "gpt" or "assistant" or "chatgpt" or "bing" or "bard" or "model" or "function_call" => "assistant",
            "system" => "system",
            "tool" or "observation" or "function" or "function_response" => "tool",
            string other =>
                throw line.Error(start, $"'{other}' is nobody that a message can be from; ShareGPT has system, human, gpt and tool."),
            null => "",
        };
        return Message(role, value.GetString()!);
    }

    private static JsonElement Message(string role, string content) =>
        JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["role"] = role, ["content"] = content });

    private JsonElement Checked(JsonElement message, string[] names, long start)
    {
        string Hint(string field) => Nearest.Of(field, names) is { } near ? $" Did you mean '{field}' by '{near}'?" : "";
        if (!message.TryGetProperty("role", out JsonElement role))
        {
            throw line.Error(start, $"missing field 'role' in a message.{Hint("role")}");
        }
        if (role.ValueKind != JsonValueKind.String || role.GetString() is not { Length: > 0 })
        {
            throw line.Error(start, "'role' of a message must be a string.");
        }
        bool found = message.TryGetProperty("content", out JsonElement content);
        if (!found || content.ValueKind == JsonValueKind.Null)
        {
            // A message that only calls tools says nothing.
            if (message.TryGetProperty("tool_calls", out _)) return message;
            throw line.Error(start,
                found ? "'content' of a message must be a string; it is null." : $"missing field 'content' in a message.{Hint("content")}");
        }

        if (content.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw line.Error(start, "'content' of a message must be a string, or a list of parts of type 'text'.");
        if (content.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement part in content.EnumerateArray())
            {
                string? type = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out JsonElement given)
                    ? given.ToString()
                    : null;
                if (type != "text" || !part.TryGetProperty("text", out JsonElement text) || text.ValueKind != JsonValueKind.String)
                    throw line.Error(start,
                        $"a part of a message's content is of type '{type ?? "none"}'; parts of type 'text', with a 'text', are read.");
            }
        }

        return message;
    }

    // A list, or a list written as a string, as some data sets have it.
    private JsonElement ReadTools(ref Utf8JsonReader reader)
    {
        long at = reader.TokenStartIndex;
        JsonElement value = Value(ref reader);
        try
        {
            if (value.ValueKind == JsonValueKind.String) value = JsonDocument.Parse(value.GetString()!).RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw line.Error(at, $"'tools' is a string that is not JSON: {e.Message}", e);
        }

        return value.ValueKind is JsonValueKind.Array or JsonValueKind.Null ? value : throw line.Error(at, "'tools' must be a list.");
    }

    // A whole value, every string of which must be Unicode text.
    private JsonElement Value(ref Utf8JsonReader reader)
    {
        long at = reader.TokenStartIndex;
        JsonElement value = JsonElement.ParseValue(ref reader);
        try
        {
            CheckText(value);
        }
        catch (InvalidOperationException e)
        {
            throw line.Error(at, "the text holds half of a surrogate pair (a lone \\uD800 to \\uDFFF), which is not Unicode text.", e);
        }

        return value;
    }

    private static void CheckText(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) _ = value.GetString();
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in value.EnumerateArray()) CheckText(item);
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in value.EnumerateObject())
            {
                _ = property.Name;
                CheckText(property.Value);
            }
        }
    }

    private bool ReadBoolean(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
        {
            throw line.Error(reader.TokenStartIndex, $"'{name}' must be true or false.");
        }
        return reader.GetBoolean();
    }

    private int[] ReadIds(ref Utf8JsonReader reader, string name)
    {
        List<int> ids = [];
        Expect(ref reader, JsonTokenType.StartArray, $"'{name}'");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            Expect(ref reader, JsonTokenType.Number, $"an id of '{name}'");
            if (!reader.TryGetInt32(out int id) || id < 0)
                throw line.Error(reader.TokenStartIndex, $"an id of '{name}' must be an integer from 0 to {int.MaxValue}.");
            ids.Add(id);
        }

        return [.. ids];
    }

    private string ReadString(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.String, $"'{name}'");
        return Text(ref reader);
    }

    private string Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw line.Error(reader.TokenStartIndex,
                "the text holds half of a surrogate pair (a lone \\uD800 to \\uDFFF), which is not Unicode text.", e);
        }
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType needed, string what)
    {
        if (reader.TokenType != needed)
        {
            throw line.Error(reader.TokenStartIndex, $"{what} must be {Name(needed)}; it is {Name(reader.TokenType)}.");
        }
    }

    private static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };
}
