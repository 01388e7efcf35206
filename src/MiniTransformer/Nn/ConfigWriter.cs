using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MiniTransformer.Nn;

/// <summary>The fields of a config.json to be written, in the order of their names.</summary>
internal sealed class ConfigWriter
{
    private readonly SortedDictionary<string, Action<Utf8JsonWriter>> fields = new(StringComparer.Ordinal);

    /// <summary>A whole number.</summary>
    public void Int(string field, int value) => Add(field, json => json.WriteNumberValue(value));

    /// <summary>A whole number or null.</summary>
    public void OptionalInt(string field, int? value)
    {
        if (value is { } number) Int(field, number);
        else Add(field, json => json.WriteNullValue());
    }

    /// <summary>True or false.</summary>
    public void Bool(string field, bool value) => Add(field, json => json.WriteBooleanValue(value));

    /// <summary>A text.</summary>
    public void Text(string field, string value) => Add(field, json => json.WriteStringValue(value));

    /// <summary>A list of texts.</summary>
    public void Texts(string field, IEnumerable<string> values) => Add(field, json =>
    {
        json.WriteStartArray();
        foreach (string value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    });

    /// <summary>A float32 number.</summary>
    public void Float(string field, float value) => Add(field, json => WriteFloat(json, value));

    /// <summary>Anything else.</summary>
    public void Add(string field, Action<Utf8JsonWriter> value) => fields[field] = value;

    /// <summary>Takes a field back.</summary>
    public void Remove(string field) => fields.Remove(field);

    /// <summary>Rotary positions as transformers 4 reads them (rope_theta, rope_scaling) and, if asked for, as transformers 5 does
    /// (rope_parameters).</summary>
    public void Rotary(float theta, RotaryScaling? scaling, bool parameters = true)
    {
        Float("rope_theta", theta);
        if (scaling is not null) Add("rope_scaling", json => WriteRotary(json, null, scaling));
        if (parameters) Add("rope_parameters", json => WriteRotary(json, theta, scaling));
    }

    /// <summary>Which layers have a window, and how many tokens it has.</summary>
    public void Windows(TransformerConfig config)
    {
        LayerWindows? windows = config.Form.Windows;
        int[] each = [.. Enumerable.Range(0, config.NumLayers).Select(i => windows?[i] ?? 0)];
        OptionalInt("sliding_window", windows is null ? null : each.Max());
        Texts("layer_types", each.Select(w => w > 0 ? "sliding_attention" : "full_attention"));
    }

    /// <summary>The file's text.</summary>
    public override string ToString()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            foreach ((string field, Action<Utf8JsonWriter> write) in fields)
            {
                json.WritePropertyName(field);
                write(json);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void WriteRotary(Utf8JsonWriter json, float? theta, RotaryScaling? scaling)
    {
        json.WriteStartObject();
        switch (scaling)
        {
            case LinearScaling linear:
                Number("factor", linear.Factor);
                break;
            case Llama3Scaling llama3:
                Number("factor", llama3.Factor);
                Number("high_freq_factor", llama3.HighFrequencyFactor);
                Number("low_freq_factor", llama3.LowFrequencyFactor);
                json.WriteNumber("original_max_position_embeddings", llama3.OriginalPositions);
                break;
        }

        if (theta is { } value) Number("rope_theta", value);
        json.WriteString("rope_type", scaling switch { null => "default", LinearScaling => "linear", _ => "llama3" });
        json.WriteEndObject();

        void Number(string name, float number)
        {
            json.WritePropertyName(name);
            WriteFloat(json, number);
        }
    }

    // The shortest digits that read back as the same float32, always with a point or an exponent: transformers 5 refuses a whole number
    // where it wants a float.
    private static void WriteFloat(Utf8JsonWriter json, float value)
    {
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        json.WriteRawValue(digits.AsSpan().ContainsAny('.', 'E') ? digits : digits + ".0");
    }
}
