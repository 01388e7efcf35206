using System.Text.Json;

namespace MiniTransformer.Text.Bpe;

/// <summary>A value in a tokenizer.json and where it stands, so that every error names the field.</summary>
internal readonly record struct JsonField(JsonElement Value, string Path)
{
    /// <summary>A field that must be there.</summary>
    public JsonField this[string name] => Optional(name) ?? throw Wrong($"the field '{name}' is missing");

    /// <summary>A field, or null where it is absent or null.</summary>
    public JsonField? Optional(string name)
    {
        if (Value.ValueKind != JsonValueKind.Object) throw Wrong("needed is an object");
        return Value.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? new JsonField(value, Path.Length == 0 ? name : $"{Path}.{name}")
            : null;
    }

    /// <summary>The elements of an array.</summary>
    public IEnumerable<JsonField> Items
    {
        get
        {
            if (Value.ValueKind != JsonValueKind.Array) throw Wrong("needed is an array");
            string path = Path;
            return Value.EnumerateArray().Select((item, i) => new JsonField(item, $"{path}[{i}]"));
        }
    }

    /// <summary>A text.</summary>
    public string Text => Value.ValueKind == JsonValueKind.String ? ReadText() : throw Wrong("needed is a string");

    /// <summary>A whole number from 0 to 2³¹ − 1.</summary>
    public int Number => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int number) && number >= 0
        ? number
        : throw Wrong($"it is {Shown(Value.GetRawText())}, and needed is a whole number from 0 to {int.MaxValue}");

    /// <summary>One character.</summary>
    public char Character => Text is { Length: 1 } text ? text[0] : throw Wrong($"it is '{Text}', and needed is one character");

    /// <summary>True or false, or what stands for an absent field.</summary>
    public bool Flag(string name, bool absent) => Optional(name) is not { } field ? absent : field.Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw field.Wrong("needed is true or false"),
    };

    /// <summary>Refuses fields that are not known: what they would change is not implemented.</summary>
    public void Only(params ReadOnlySpan<string> known)
    {
        foreach (JsonProperty property in Value.EnumerateObject())
        {
            if (property.Name == "type" || known.Contains(property.Name)
                || property.Value.ValueKind is JsonValueKind.Null or JsonValueKind.False)
            {
                continue;
            }
            throw new NotSupportedException($"the field '{(Path.Length == 0 ? "" : Path + ".")}{property.Name}' is not implemented.");
        }
    }

    /// <summary>The field is damaged.</summary>
    public InvalidDataException Wrong(string why) => new(Path.Length == 0 ? $"{why}." : $"field '{Path}': {why}.");

    /// <summary>The field's value is not implemented.</summary>
    public NotSupportedException Refused(string what, string known) =>
        new($"the field '{Path}' is {Shown(what)}, which is not implemented; implemented: {known}.");

    private string ReadText()
    {
        try
        {
            return Value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong("its text is no Unicode (half of a surrogate pair)");
        }
    }

    private static string Shown(string text) => text.Length <= 80 ? text : text[..80] + "…";
}
