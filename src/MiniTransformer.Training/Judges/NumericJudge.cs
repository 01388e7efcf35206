using System.Globalization;
using MiniTransformer.Data;

namespace MiniTransformer.Judges;

/// <summary>
/// Right is the number of the completion: the last number of the response and the last number of the completion differ by at most the tolerance.
/// What counts as a number is said at <see cref="NumberText"/>: 1,234.50 is 1234.5, 3/4 is .75, "so it is -7." is −7. A response without a number is wrong.
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
    public string Description => Tolerance == 0
        ? "the response's last number is the completion's"
        : $"the response's last number is the completion's to within {Tolerance.ToString(CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers) => [.. answers.Select(a =>
    {
        string completion = Judge.GoldOf(a, Name);
        Number gold = NumberText.Last(completion) ?? throw new DataException(
            $"{a.Source ?? "an example made in memory"}: the completion '{Judge.Short(completion)}' holds no number, which the verifier {Name} needs; correct the line, or use another verifier.");
        return NumberText.Last(a.Response) is { } number && number.Equals(gold, Tolerance) ? 1.0 : 0;
    })];
}
