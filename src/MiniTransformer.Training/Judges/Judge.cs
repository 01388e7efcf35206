using System.Globalization;
using MiniTransformer.Data;

namespace MiniTransformer.Judges;

/// <summary>The verifiers by the names that the command line takes.</summary>
public static class Judge
{
    /// <summary>The score from which on a response counts as right.</summary>
    public const double Right = .5;

    /// <summary>The forms that <see cref="Parse"/> reads, for help texts.</summary>
    public const string Forms = "exact, numeric, numeric:TOLERANCE, regex (each line's 'pattern'), regex:PATTERN, command:CMD, worker:CMD";

    /// <summary>The verifier of a text such as "exact", "numeric:0.01", "regex:^yes", "command:./check.py" or "worker:python3 check.py".</summary>
    /// <exception cref="ArgumentException">The text names no verifier; the message says what can be named.</exception>
    public static IJudge Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        (string kind, string? rest) = colon < 0 ? (text, null) : (text[..colon], text[(colon + 1)..]);
        return (kind, rest) switch
        {
            ("exact", null) => new ExactJudge(),
            ("numeric", null) => new NumericJudge(),
            ("numeric", _) => new NumericJudge(double.TryParse(rest, NumberStyles.Float, CultureInfo.InvariantCulture, out double tolerance)
                ? tolerance
                : throw new ArgumentException($"'{rest}' is no tolerance; a number is needed, such as numeric:0.01.")),
            ("regex", null) => new RegexJudge(),
            ("regex", { Length: > 0 }) => new RegexJudge(rest),
            ("command", { Length: > 0 }) => new CommandJudge(rest),
            ("worker", { Length: > 0 }) => new WorkerJudge(rest),
            ("command" or "worker", _) => throw new ArgumentException($"'{text}' names no command; write {kind}:CMD, such as {kind}:./check.py."),
            ("regex", _) => throw new ArgumentException("'regex:' has no pattern; write regex:PATTERN, or regex alone where every line has a 'pattern'."),
            _ => throw new ArgumentException($"'{text}' is no verifier; there are {Forms}."),
        };
    }

    /// <summary>The completion, which the verifier needs.</summary>
    internal static string GoldOf(Answer answer, string verifier) => answer.Gold ?? throw new DataException(
        $"{answer.Source ?? "an example made in memory"}: there is no completion as text, which the verifier {verifier} needs.");

    /// <summary>A text for an error message: one line, and not too long.</summary>
    internal static string Short(string text, int longest = 120)
    {
        string line = string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= longest ? line : line[..longest] + "…";
    }
}
