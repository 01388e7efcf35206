using System.Globalization;
using System.Text;
using System.Text.Json;
using MiniTransformer.Cli.Runs;

namespace MiniTransformer.Cli.Prove;

/// <summary>The rows for people, in lines of at most 90 columns, and for programs.</summary>
internal static class ProofTable
{
    private const int StatementWidth = 46;

    /// <summary>The names of the columns.</summary>
    public static string Header { get; } = Line("", "statement", "cases", "error", "allowed", "if false", "");

    /// <summary>One row; a long statement takes two lines.</summary>
    public static string Of(ProofRow row)
    {
        string[] statement = [.. Wrapped(row.Statement)];
        string cases = row.Cases.ToString(CultureInfo.InvariantCulture);
        string first = Line(row.Number, statement[0], cases, Number(row.LargestError), Number(row.Tolerance), Number(row.ControlError),
            row.Verdict);
        return string.Join('\n', [first, .. statement.Skip(1).Select(rest => Line("", "  " + rest))]);
    }

    /// <summary>What did not hold, and why.</summary>
    public static IEnumerable<string> Failures(IEnumerable<ProofRow> rows) => rows.Where(row => !row.Holds).Select(row =>
        row.LargestError <= row.Tolerance
            ? $"{row.Number} shows nothing: its nearest false statement ({row.NearestFalse}) has an error of {Number(row.ControlError)}, "
                + $"and more than {Number(row.Failure)} is needed."
            : $"{row.Number} fails: {row.Statement} has an error of {Number(row.LargestError)}, and {Number(row.Tolerance)} is allowed.");

    /// <summary>One row as a JSON object on a line; an error that is not a number is "NaN".</summary>
    public static string ToJson(ProofRow row) => JsonSerializer.Serialize(row, RunDirectory.Json);

    private static string Line(
        string number, string statement, string cases = "", string error = "", string tolerance = "", string control = "",
        string verdict = "") =>
        $"{number,-5}{Padded(statement, StatementWidth)}{cases,6}{error,7}{tolerance,8}{control,9}  {verdict}".TrimEnd();

    // Two or three digits; powers of ten where the number is small or large.
    private static string Number(double value) => double.IsFinite(value) && value is > 0 and (< 0.01 or >= 1000)
        ? value.ToString("0e+0", CultureInfo.InvariantCulture)
        : value.ToString("0.##", CultureInfo.InvariantCulture);

    // The width on a console: r̂ is two code points and one column.
    private static string Padded(string text, int width) => text + new string(' ', Math.Max(0, width - Width(text)));

    private static int Width(string text) => new StringInfo(text).LengthInTextElements;

    private static IEnumerable<string> Wrapped(string text)
    {
        var line = new StringBuilder();
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && Width(line.ToString()) + 1 + Width(word) > StatementWidth)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : "").Append(word);
        }

        yield return line.ToString();
    }
}
