namespace MiniTransformer.Judges;

/// <summary>Right is the completion of the data, character for character.</summary>
public sealed class ExactJudge : IJudge
{
    /// <inheritdoc/>
    public string Name => "exact";

    /// <inheritdoc/>
    public bool ComparesWithAnswer => true;

    /// <inheritdoc/>
    public string Description => "the response is the completion, character for character";

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers) =>
        [.. answers.Select(a => string.Equals(a.Response, Judge.GoldOf(a, Name), StringComparison.Ordinal) ? 1.0 : 0)];
}
