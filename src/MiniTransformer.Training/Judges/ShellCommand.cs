using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MiniTransformer.Judges;

/// <summary>What commands are asked, and how their answers are read.</summary>
internal static class ShellCommand
{
    /// <summary>Characters that a command may print for one response: a score has fewer, and more is not kept in memory.</summary>
    public const int MostOutput = 65_536;

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// What a command reads, one line: {"prompt", "response"}, where the data has a right answer "completion", and the question's number
    /// where workers are asked.
    /// </summary>
    public static string Request(Answer answer, int? number = null)
    {
        var request = new Dictionary<string, object> { ["prompt"] = answer.Prompt, ["response"] = answer.Response };
        if (answer.Gold is not null) request["completion"] = answer.Gold;
        if (number is { } n) request["number"] = n;
        return JsonSerializer.Serialize(request, Json);
    }

    /// <summary>A score: a number from 0 to 1, or true or false; null where the text is none.</summary>
    public static double? ScoreOf(string text) => text.Trim() switch
    {
        "true" or "True" => 1,
        "false" or "False" => 0,
        { } number when double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double score)
            && score is >= 0 and <= 1 => score,
        _ => null,
    };

    /// <summary>The score that a command printed.</summary>
    /// <exception cref="JudgeException">It printed something else.</exception>
    public static double Score(string command, string printed, string error) => ScoreOf(printed) ?? throw Failure(
        command,
        string.IsNullOrWhiteSpace(printed)
            ? "printed nothing; a number from 0 to 1 is needed, or true or false"
            : $"printed '{Judge.Short(printed.Trim())}'; a number from 0 to 1 is needed, or true or false, and nothing else",
        error);

    /// <summary>An error about a command: what it did, and how its standard error begins.</summary>
    public static JudgeException Failure(string command, string what, string error)
    {
        string[] lines = [.. error.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => Judge.Short(line))];
        if (lines.Length > 6) lines = [.. lines[..4], "…", lines[^1]];
        string said = lines.Length == 0 ? "its standard error is empty" : $"its standard error: {string.Join(" | ", lines)}";
        return new JudgeException($"the verifier's command '{command}' {what}; {said}");
    }
}
