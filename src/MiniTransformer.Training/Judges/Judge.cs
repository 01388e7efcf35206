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

    /// <summary>Whether a text names a command, which runs what its user wrote.</summary>
    public static bool IsCommand(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith("command:", StringComparison.Ordinal) || text.StartsWith("worker:", StringComparison.Ordinal);
    }

    /// <summary>
    /// What the share of right responses is, in a few words: where responses are compared with demonstrations that may be wrong themselves,
    /// it is agreement and not accuracy. A pattern or a command of the user's says itself what is right.
    /// </summary>
    /// <param name="verifier">The judge.</param>
    /// <param name="isGold">Whether the data's answers are right ones.</param>
    /// <param name="demonstrations">What the answers are where they are not.</param>
    public static string Measured(IJudge verifier, bool isGold, string demonstrations = "the demonstrations") =>
        (IsAccuracy(verifier, isGold), verifier) switch
        {
            (true, ExactJudge) => "exact match",
            (false, ExactJudge) => $"agreement with {demonstrations}",
            (false, _) => $"agreement with {demonstrations} by {verifier.Name}",
            (true, _) => $"accuracy by {verifier.Name}",
        };

    /// <summary>Whether the share of right responses is an accuracy, see <see cref="Measured"/>.</summary>
    public static bool IsAccuracy(IJudge verifier, bool isGold) => isGold || !verifier.ComparesWithAnswer;

    /// <summary>Ends all commands that judge; a program that is about to end without its usual way out calls it.</summary>
    public static void EndCommands() => ShellProcess.EndAll();

    /// <summary>
    /// The verifier of a text such as "exact", "numeric:0.01", "regex:^yes", "command:./check.py" or "worker:python3 check.py".
    /// </summary>
    /// <exception cref="ArgumentException">The text names no verifier; the message says what can be named.</exception>
    public static IJudge Parse(string text, JudgeOptions? options = null)
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
            ("regex", null) => new RegexJudge(options: options),
            ("regex", { Length: > 0 }) => new RegexJudge(rest, options: options),
            ("command", { Length: > 0 }) => new CommandJudge(rest, options),
            ("worker", { Length: > 0 }) => new WorkerJudge(rest, options),
            ("command" or "worker", _) =>
                throw new ArgumentException($"'{text}' names no command; write {kind}:CMD, such as {kind}:./check.py."),
            ("regex", _) =>
                throw new ArgumentException("'regex:' has no pattern; write regex:PATTERN, or regex alone where every line has a "
                    + "'pattern'."),
            _ => throw new ArgumentException($"'{text}' is no verifier; there are {Forms}."),
        };
    }

    /// <summary>The right answer, which the verifier needs.</summary>
    internal static string GoldOf(Answer answer, string verifier) => answer.Gold ?? throw new DataException(
        $"{answer.Source ?? "an example made in memory"}: there is no completion as text, which the verifier {verifier} needs.");

    /// <summary>
    /// Asks a command about right answers: if it fails on all of them, it is the command that will not do, and not a response.
    /// </summary>
    internal static void CheckAsks(IReadOnlyList<Answer> golds, Func<IReadOnlyList<Answer>, Action<int, JudgeException>, double[]> ask)
    {
        var failures = new System.Collections.Concurrent.ConcurrentQueue<JudgeException>();
        ask(golds, (_, e) => failures.Enqueue(e));
        if (golds.Count > 0 && failures.Count == golds.Count && failures.TryPeek(out JudgeException? first)) throw first;
    }

    /// <summary>A text for an error message: one line, and not too long.</summary>
    internal static string Short(string text, int longest = 120)
    {
        string line = string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= longest ? line : line[..longest] + "…";
    }
}
