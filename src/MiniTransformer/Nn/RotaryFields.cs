using System.Text.Json;

namespace MiniTransformer.Nn;

/// <summary>
/// The rotary positions of a config.json: θ at the top (rope_theta) with a scaling in rope_scaling, as transformers 4 writes it, or
/// all of it in rope_parameters, as transformers 5 does. Where both stand they must agree. Types default, linear and llama3 are read.
/// </summary>
/// <param name="Theta">The base, or null where no field has it.</param>
/// <param name="Scaling">How frequencies are stretched.</param>
internal readonly record struct RotaryFields(float? Theta, RotaryScaling? Scaling)
{
    /// <summary>Those of a model with one base.</summary>
    public static RotaryFields Read(ConfigFields fields)
    {
        (string Field, float Value)? theta = fields.Find("rope_theta") is { } top
            ? ("rope_theta", ConfigFields.Float("rope_theta", top))
            : null;
        (string Field, RotaryScaling? Value)? scaling = null;
        foreach (string field in (string[])["rope_parameters", "rope_scaling"])
        {
            if (fields.Find(field) is not { } nested) continue;
            (float? itsTheta, RotaryScaling? itsScaling) = OfObject(field, nested, fields.OptionalInt("original_max_position_embeddings"));
            if (itsTheta is { } value)
            {
                if (theta is { } other && other.Value != value)
                    throw Contradiction($"{field}.rope_theta", Text(value), other.Field, Text(other.Value));
                theta = ($"{field}.rope_theta", value);
            }

            if (scaling is { } before && before.Value != itsScaling)
                throw Contradiction(field, $"{itsScaling?.ToString() ?? "no scaling"}", before.Field,
                    $"{before.Value?.ToString() ?? "no scaling"}");
            scaling = (field, itsScaling);
        }

        return new RotaryFields(theta?.Value, scaling?.Value);
    }

    /// <summary>The base and scaling of one object.</summary>
    public static RotaryFields OfObject(string field, JsonElement nested, int? originalPositions = null)
    {
        if (nested.ValueKind != JsonValueKind.Object)
            throw new TransformerConfigException(field, $"{field} = {ConfigFields.Show(nested)} must be an object or null.");
        var own = nested.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null).ToDictionary(p => p.Name, p => p.Value);
        string[] typeNames = [.. own.Keys.Where(name => name is "rope_type" or "type")];
        string type = "default";
        foreach (string name in typeNames)
        {
            if (own[name].ValueKind != JsonValueKind.String || own[name].GetString() is not ("default" or "linear" or "llama3"))
                throw ConfigFields.Refused($"{field}.{name}", own[name],
                    "of rotary positions there are \"default\", \"linear\" and \"llama3\"");
            string value = own[name].GetString()!;
            if (name != typeNames[0] && value != type) throw Contradiction($"{field}.{name}", value, $"{field}.{typeNames[0]}", type);
            type = value;
        }

        string[] known = type switch
        {
            "linear" => ["factor"],
            "llama3" => ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
            _ => [],
        };
        foreach ((string name, JsonElement value) in own)
        {
            if (name is "rope_type" or "type" or "rope_theta" || known.Contains(name)) continue;
            if (name == "partial_rotary_factor" && ConfigFields.IsNumber(value, 1)) continue;
            throw ConfigFields.Refused($"{field}.{name}", value, $"rotary positions with rope_type \"{type}\" have no such number");
        }

        float? theta = own.TryGetValue("rope_theta", out JsonElement t) ? ConfigFields.Float($"{field}.rope_theta", t) : null;
        return type switch
        {
            "linear" => new(theta, new LinearScaling(Positive("factor"))),
            "llama3" => new(theta, Llama3()),
            _ => new(theta, null),
        };

        Llama3Scaling Llama3()
        {
            float low = Positive("low_freq_factor"), high = Positive("high_freq_factor");
            if (!(high > low))
            {
                throw new TransformerConfigException($"{field}.high_freq_factor",
                    $"{field}.high_freq_factor = {Text(high)} must be more than low_freq_factor = {Text(low)}.");
            }

            const string Original = "original_max_position_embeddings";
            float original = own.ContainsKey(Original) || originalPositions is null ? Positive(Original) : originalPositions.Value;
            return new Llama3Scaling(Positive("factor"), low, high, (int)original);
        }

        float Positive(string name)
        {
            string path = $"{field}.{name}";
            if (!own.TryGetValue(name, out JsonElement value))
                throw new TransformerConfigException(path, $"{path} is missing; rotary positions with rope_type \"{type}\" need it.");
            float number = ConfigFields.Float(path, value);
            return number > 0 && float.IsFinite(number)
                ? number
                : throw new TransformerConfigException(path, $"{path} = {ConfigFields.Show(value)} must be a positive float32 number.");
        }
    }

    private static TransformerConfigException Contradiction(string field, string value, string otherField, string other) =>
        new(field, $"{field} = {value} contradicts {otherField} = {other}; remove the one that the model was not trained with.");

    private static string Text(float value) => FormattableString.Invariant($"{value}");
}
