using System.Text.Encodings.Web;
using System.Text.Json;
using MiniTransformer.Text.Jinja;

// Renders every template of a folder with every conversation of a file: one JSON line each, for judge.mjs, which renders the same with
// @huggingface/jinja.
var options = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
using JsonDocument conversations = JsonDocument.Parse(File.ReadAllText(args[1]));
foreach (string path in Directory.GetFiles(args[0], "*.jinja").Order(StringComparer.Ordinal))
{
    int number = 0;
    foreach (JsonElement conversation in conversations.RootElement.EnumerateArray())
    {
        string? text = null, error = null;
        try
        {
            IEnumerable<KeyValuePair<string, object?>> variables = conversation.EnumerateObject().Where(p => p.Name != "messages")
                .Select(p => new KeyValuePair<string, object?>(p.Name, JinjaValue.Data(p.Value)));
            text = JinjaTemplate.Parse(File.ReadAllText(path)).Render(
                [new("bos_token", "<s>"), new("eos_token", "</s>"),
                    new("messages", JinjaValue.Messages([.. conversation.GetProperty("messages").EnumerateArray()])), .. variables],
                DateTime.Now).Value;
        }
        catch (JinjaException e)
        {
            error = e.Message;
        }

        Console.WriteLine(JsonSerializer.Serialize(new { template = Path.GetFileName(path), conversation = number++, text, error },
            options));
    }
}
