using System.Text.Json;

namespace MiniTransformer.Text.Jinja;

/// <summary>Values for a template's variables.</summary>
public static class JinjaValue
{
    /// <summary>A JSON value that is data: none of its text can make a special token.</summary>
    public static object? Data(JsonElement json) => JinjaValues.FromJson(json, MarkedText.FromData);

    /// <summary>
    /// A conversation: a list of messages, each a dict. Text is data, and marked as its message's, so that it is found again in what is
    /// rendered. A role that is a plain name counts as the template's, which may write it into a special token: '&lt;|' + message.role +
    /// '|&gt;'.
    /// </summary>
    public static object Messages(IReadOnlyList<JsonElement> messages)
    {
        List<object?> list = [];
        for (int i = 0; i < messages.Count; i++)
        {
            JinjaDict message = [];
            foreach (JsonProperty property in messages[i].EnumerateObject())
            {
                int source = property.Name != "role"
                    ? MarkedText.SourceOfMessage(i)
                    : IsName(property.Value) ? MarkedText.FromTemplate : MarkedText.FromData;
                message[MarkedText.Of(property.Name, MarkedText.FromData)] = JinjaValues.FromJson(property.Value, source);
            }

            list.Add(message);
        }

        return list;
    }

    private static bool IsName(JsonElement role) =>
        role.ValueKind == JsonValueKind.String && role.GetString() is { Length: > 0 and < 32 } name
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    internal static object? Known(object? value) => value switch
    {
        string text => MarkedText.Of(text),
        int n => (long)n,
        JsonElement json => Data(json),
        null or bool or long or double or MarkedText or List<object?> or JinjaDict => value,
        _ => throw new ArgumentException($"A value of type {value.GetType().Name} is nothing that a template knows."),
    };
}
