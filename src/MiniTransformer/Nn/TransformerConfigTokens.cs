using System.Text.Json;
using MiniTransformer.IO;
using MiniTransformer.Text;

namespace MiniTransformer.Nn;

// Begin, end and padding: of config.json and of generation_config.json.
public sealed partial record TransformerConfig
{
    private const string GenerationFile = "generation_config.json";

    // config.json's own end tokens and whether they stand there as a list; and those that generation_config.json adds.
    private readonly EndTokens ends = EndTokens.None, generationEnds = EndTokens.None;
    private readonly bool endsAreList;

    /// <summary>Id of the token that begins a sequence, if there is one (bos_token_id).</summary>
    public int? BeginId { get; init; }

    /// <summary>
    /// The tokens that end a response (eos_token_id, a number or a list). Of a model that was read they are those of config.json, then the
    /// further ones of generation_config.json; each file is written back as it came.
    /// </summary>
    public EndTokens Ends
    {
        get => ends.Union(generationEnds);
        init => (ends, generationEnds, endsAreList) = (value, EndTokens.None, value.Count > 1);
    }

    /// <summary>Id of the token that fills up a batch, if there is one (pad_token_id).</summary>
    public int? PadId { get; init; }

    /// <summary>The three together.</summary>
    public Tokens Tokens => new(BeginId, Ends, PadId);

    /// <summary>
    /// Files that lay beside config.json and are written beside it again, byte for byte. They say nothing of what the model computes, and
    /// equality leaves them out.
    /// </summary>
    public CompanionFiles Companions { get; init; } = CompanionFiles.None;

    // Reads the three ids of config.json, and what generation_config.json adds to them. An id outside the vocabulary (−1 is in use for
    // "none") can never occur and reads as absent.
    private TransformerConfig WithTokens(JsonElement config, CompanionFiles companions)
    {
        (int[] eos, bool list) = Ids(config, "eos_token_id");
        return this with
        {
            BeginId = First("bos_token_id"),
            PadId = First("pad_token_id"),
            Companions = companions,
            Own = (new EndTokens(eos), list, GenerationEnds(companions)),
        };

        int? First(string field) => Ids(config, field).Ids is [int first, ..] ? first : null;
    }

    private (EndTokens Ends, bool AreList, EndTokens Generation) Own { init => (ends, endsAreList, generationEnds) = value; }

    private EndTokens GenerationEnds(CompanionFiles companions)
    {
        if (companions.Find(GenerationFile) is not { } bytes) return EndTokens.None;
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes);
            if (json.RootElement.ValueKind != JsonValueKind.Object) throw new JsonException("a JSON object is needed.");
            return new EndTokens(Ids(json.RootElement, "eos_token_id").Ids);
        }
        catch (JsonException e)
        {
            throw new TransformerConfigException("eos_token_id", $"{GenerationFile} beside it is not valid JSON: {e.Message}", e);
        }
        catch (TransformerConfigException e)
        {
            throw new TransformerConfigException(e.Field, $"{GenerationFile} beside it: {e.Message}", e);
        }
    }

    // The ids of a field that are tokens, and whether it is a list.
    private (int[] Ids, bool IsList) Ids(JsonElement root, string field)
    {
        if (!root.TryGetProperty(field, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return ([], false);
        bool list = value.ValueKind == JsonValueKind.Array;
        var ids = new List<int>();
        foreach (JsonElement id in list ? [.. value.EnumerateArray()] : (JsonElement[])[value])
        {
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt64(out long number))
            {
                throw new TransformerConfigException(
                    field, $"{field} = {ConfigFields.Show(value)} must be a token id, a list of them, or null.");
            }

            if (number >= 0 && number < VocabSize) ids.Add((int)number);
        }

        return ([.. ids], list);
    }

    private void WriteEnds(Utf8JsonWriter json)
    {
        if (!endsAreList)
        {
            if (ends.First is { } end) json.WriteNumberValue(end);
            else json.WriteNullValue();
            return;
        }

        json.WriteStartArray();
        foreach (int id in ends) json.WriteNumberValue(id);
        json.WriteEndArray();
    }
}
