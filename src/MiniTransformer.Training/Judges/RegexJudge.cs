using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using MiniTransformer.Data;

namespace MiniTransformer.Judges;

/// <summary>
/// Right is a response in which a regular expression (of .NET) is found: anchor it with ^ and $ to match the whole response. The expression
/// is the record's own <c>pattern</c>, or, for records without one, the one given here.
/// </summary>
/// <param name="pattern">The expression for records that have none; null if every record has one.</param>
/// <param name="timeout">The longest that one match may take; 1 s if null. Expressions without look-around and back-references take time in
/// proportion to the response.</param>
/// <param name="options">Who hears of matches that took too long; the other options are for commands.</param>
/// <exception cref="ArgumentException">The expression cannot be read.</exception>
public sealed class RegexJudge(string? pattern = null, TimeSpan? timeout = null, JudgeOptions? options = null) : IJudge
{
    private readonly TimeSpan timeout = timeout ?? TimeSpan.FromSeconds(1);
    private readonly Regex? common = pattern is null ? null : Compile(pattern, timeout ?? TimeSpan.FromSeconds(1));
    private readonly ConcurrentDictionary<string, Regex> own = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Name => pattern is null ? "regex" : $"regex:{pattern}";

    /// <inheritdoc/>
    public bool ComparesWithAnswer => false;

    /// <inheritdoc/>
    public string Description =>
        pattern is null
            ? "the record's pattern is found in the response"
            : $"/{pattern}/ (or the record's own pattern) is found in the response";

    /// <inheritdoc/>
    public JudgeLog Log { get; } = new(options?.Warn);

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers) => [.. answers.Select(a =>
    {
        Regex regex = For(a);
        try
        {
            return regex.IsMatch(a.Response) ? 1.0 : 0;
        }
        catch (RegexMatchTimeoutException)
        {
            Log.Fail(
                a,
                $"the pattern '{Judge.Short(regex.ToString())}' took more than "
                    + $"{timeout.TotalSeconds.ToString("0.##", CultureInfo.InvariantCulture)} s on the response "
                    + $"'{Judge.Short(a.Response)}'; " +
                "write it so that it does not backtrack: no repetition inside a repetition, such as (a+)+, and atomic groups (?>...) where "
                    + "you can");
            return 0;
        }
    })];

    private Regex For(Answer answer)
    {
        if (answer.Pattern is null)
        {
            return common ?? throw new DataException(
                $"{answer.Source ?? "a record"}: the record has no 'pattern', which the verifier regex needs; add \"pattern\": \"...\" to "
                    + "the line, or give one for all lines as regex:PATTERN.");
        }

        return own.GetOrAdd(answer.Pattern, text =>
        {
            try
            {
                return Compile(text, timeout);
            }
            catch (ArgumentException e)
            {
                throw new DataException($"{answer.Source ?? "a record"}: {e.Message}");
            }
        });
    }

    // Linear time where the expression allows it; backtracking, within the time limit, where it does not.
    private static Regex Compile(string pattern, TimeSpan timeout)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, timeout);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, timeout);
        }
        catch (RegexParseException e)
        {
            throw new ArgumentException($"the pattern '{Judge.Short(pattern)}' cannot be read: {e.Message}", e);
        }
    }
}
