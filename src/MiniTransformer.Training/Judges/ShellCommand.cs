using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MiniTransformer.Judges;

/// <summary>A command of the user's, as the shell understands it (/bin/sh -c, on Windows cmd /c), in the folder where the program was started.</summary>
internal static class ShellCommand
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Starts it, with its three streams in our hands, in UTF-8.</summary>
    public static Process Start(string command)
    {
        var start = new ProcessStartInfo
        {
            FileName = OperatingSystem.IsWindows() ? "cmd.exe" : "/bin/sh",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Utf8,
            StandardOutputEncoding = Utf8,
            StandardErrorEncoding = Utf8,
        };
        if (OperatingSystem.IsWindows()) start.Arguments = $"/d /s /c \"{command}\"";
        else foreach (string argument in new[] { "-c", command }) start.ArgumentList.Add(argument);
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new JudgeException($"the verifier's command '{command}' cannot be started: {e.Message}", e);
        }
    }

    /// <summary>What a command reads: {"prompt", "response"} and, where the data has one, "completion"; one line.</summary>
    public static string Request(Answer answer) => JsonSerializer.Serialize(
        answer.Gold is null
            ? new Dictionary<string, string> { ["prompt"] = answer.Prompt, ["response"] = answer.Response }
            : new Dictionary<string, string> { ["prompt"] = answer.Prompt, ["response"] = answer.Response, ["completion"] = answer.Gold },
        Json);

    /// <summary>The score that a command printed: a number from 0 to 1, or true or false.</summary>
    public static double Score(string command, string printed, string error) => printed.Trim() switch
    {
        "true" or "True" => 1,
        "false" or "False" => 0,
        { } text when double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out double score) && score is >= 0 and <= 1 => score,
        { Length: 0 } => throw Failure(command, "printed nothing; a number from 0 to 1 is needed, or true or false", error),
        { } text => throw Failure(command, $"printed '{Judge.Short(text)}'; a number from 0 to 1 is needed, or true or false, and nothing else", error),
    };

    /// <summary>An error about a command: what it did, and how its standard error begins.</summary>
    public static JudgeException Failure(string command, string what, string error)
    {
        string[] lines = [.. error.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => Judge.Short(line))];
        if (lines.Length > 6) lines = [.. lines[..4], "…", lines[^1]];
        string said = lines.Length == 0 ? "its standard error is empty" : $"its standard error: {string.Join(" | ", lines)}";
        return new JudgeException($"the verifier's command '{command}' {what}; {said}");
    }

    /// <summary>Ends it, with all that it has started.</summary>
    public static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException)
        {
            // It has ended by itself.
        }
    }
}
