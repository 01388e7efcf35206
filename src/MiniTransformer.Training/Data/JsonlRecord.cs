using System.Text.Json;
using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>
/// The fields of one line: exactly one of the three forms prompt + completion, messages, prompt_ids + completion_ids. Fields that are not
/// known are refused, since a field that is ignored (a weight, a mask, a misspelt name) changes what is learned in silence; only
/// those that describe the line (id, source, task, metadata) are passed over, and answer (or gold) and pattern are for the judge of responses alone.
/// </summary>
internal sealed class JsonlRecord
{
    private const string Forms = "a line is {\"prompt\",\"completion\"}, {\"messages\":[{\"role\",\"content\"},...]} or {\"prompt_ids\",\"completion_ids\"}";

    private readonly JsonlLine line;
    private readonly Dictionary<string, long> places = [];

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
        if (forms.Length == 0) throw line.Error($"missing field 'prompt': {Forms}.");
        if (forms.Length > 1) throw line.Error(places[forms[1]], $"'{forms[1]}' does not go with '{forms[0]}': {Forms}.");
    }

    public string? Prompt { get; private set; }

    public string? Completion { get; private set; }

    public List<ChatMessage>? Messages { get; private set; }

    public int[]? PromptIds { get; private set; }

    public int[]? CompletionIds { get; private set; }

    public string? Pattern { get; private set; }

    public string? Gold { get; private set; }

    /// <summary>An error at a field's value.</summary>
    public DataException Error(string field, string message) => line.Error(places[field], message);

    /// <summary>An error about a field that the line should have and has not.</summary>
    public DataException Missing(string field, string note = "") => line.Error($"missing field '{field}'{note}; {Forms}.");

    private static string? FormOf(string field) => field switch
    {
        "prompt" or "completion" => "text",
        "messages" => "messages",
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
            case "prompt": Prompt = ReadString(ref reader, name); break;
            case "completion": Completion = ReadString(ref reader, name); break;
            case "messages": Messages = ReadMessages(ref reader); break;
            case "prompt_ids": PromptIds = ReadIds(ref reader, name); break;
            case "completion_ids": CompletionIds = ReadIds(ref reader, name); break;
            case "pattern": Pattern = ReadString(ref reader, name); break;
            case "answer" or "gold": Gold = ReadAnswer(ref reader, name); break;
            case "id" or "source" or "task" or "metadata": reader.Skip(); break;
            default: throw line.Error(at, $"unknown field '{name}': {Forms}, and may carry a right answer ('answer' or 'gold') and a 'pattern' to judge responses by, and 'id', 'source', 'task' or 'metadata', which are not read.");
        }
    }

    // A right answer: a text, or a number as it is written.
    private string ReadAnswer(ref Utf8JsonReader reader, string name)
    {
        string other = name == "gold" ? "answer" : "gold";
        if (places.ContainsKey(other)) throw line.Error(places[name], $"'{name}' and '{other}' are the same field, the right answer; give one of them.");
        return reader.TokenType == JsonTokenType.Number ? System.Text.Encoding.UTF8.GetString(reader.ValueSpan) : ReadString(ref reader, name);
    }

    private List<ChatMessage> ReadMessages(ref Utf8JsonReader reader)
    {
        List<ChatMessage> messages = [];
        Expect(ref reader, JsonTokenType.StartArray, "'messages'");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long start = reader.TokenStartIndex;
            string? role = null, content = null;
            Expect(ref reader, JsonTokenType.StartObject, "a message");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                long at = reader.TokenStartIndex;
                string name = Text(ref reader);
                reader.Read();
                if ((name == "role" && role is not null) || (name == "content" && content is not null))
                    throw line.Error(at, $"field '{name}' appears twice in a message.");
                if (name == "role") role = ReadRole(ref reader);
                else if (name == "content") content = ReadString(ref reader, name);
                else throw line.Error(at, $"unknown field '{name}' in a message; it has 'role' and 'content'.");
            }

            if (role is null || content is null) throw line.Error(start, $"missing field '{(role is null ? "role" : "content")}' in a message.");
            messages.Add(new ChatMessage(role, content));
        }

        return messages;
    }

    private string ReadRole(ref Utf8JsonReader reader)
    {
        string role = ReadString(ref reader, "role");
        if (role is "system" or "user" or "assistant") return role;
        throw line.Error(reader.TokenStartIndex, $"unknown role '{role}'; roles are system, user and assistant.");
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
            throw line.Error(reader.TokenStartIndex, "the text holds half of a surrogate pair (a lone \\uD800 to \\uDFFF), which is not Unicode text.", e);
        }
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType needed, string what)
    {
        if (reader.TokenType != needed) throw line.Error(reader.TokenStartIndex, $"{what} must be {Name(needed)}; it is {Name(reader.TokenType)}.");
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
