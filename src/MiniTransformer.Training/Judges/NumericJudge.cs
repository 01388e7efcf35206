using System.Globalization;
using MiniTransformer.Data;

namespace MiniTransformer.Judges;

/// <summary>
/// Right is the number of the right answer: the response's number and that of the right answer differ by at most the tolerance. Where the
/// number is looked for, and how it is read, is said at <see cref="NumberText"/>: 1,234.50 is 1234.5, \frac{3}{4} is .75, "so it is -7." is
/// −7. A response without a number that can be read is wrong, and counted.
/// </summary>
/// <param name="tolerance">The largest difference, in the number's own unit; 0 takes the same value only.</param>
public sealed class NumericJudge(double tolerance = 0) : IJudge
{
    /// <summary>The largest difference.</summary>
    public double Tolerance { get; } = double.IsFinite(tolerance) && tolerance >= 0
        ? tolerance
        : throw new ArgumentException($"A tolerance is 0 or more, not {tolerance.ToString(CultureInfo.InvariantCulture)}.");

    /// <inheritdoc/>
    public string Name => Tolerance == 0 ? "numeric" : $"numeric:{Tolerance.ToString(CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public bool ComparesWithAnswer => true;

    /// <inheritdoc/>
    public string Description => Tolerance == 0
        ? "the response's number is the right answer's"
        : $"the response's number is the right answer's to within {Tolerance.ToString(CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public JudgeLog Log { get; } = new();

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers) => [.. answers.Select(a =>
    {
        string right = Judge.GoldOf(a, Name);
        Number gold = NumberText.Last(right) ?? throw new DataException(
            $"{a.Source ?? "an example made in memory"}: the right answer '{Judge.Short(right)}' holds no number that can be read, which "
                + $"the verifier {Name} needs; correct the line, or use another verifier.");
        if (NumberText.Last(a.Response) is { } number) return number.Equals(gold, Tolerance) ? 1.0 : 0;
        Log.NotRead();
        return 0;
    })];
}
