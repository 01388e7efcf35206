using MiniTransformer.Data;

namespace MiniTransformer.Judges;

/// <summary>What a verifier is asked about.</summary>
/// <param name="Prompt">The prompt as text.</param>
/// <param name="Response">The response as text, without its end token.</param>
/// <param name="Gold">The completion of the data, where there is one.</param>
/// <param name="Pattern">The record's own regular expression, where it has one.</param>
/// <param name="Source">Where the record was read, as "file:line"; errors name it.</param>
public sealed record Answer(string Prompt, string Response, string? Gold = null, string? Pattern = null, string? Source = null);

/// <summary>
/// Says how good responses are: a score from 0 (wrong) to 1 (right) each. A response counts as right where its score is at least
/// <see cref="Judge.Right"/>, and accuracy is the fraction of right responses, so that every verifier's accuracy means the same; trainers
/// that take a verifier's score as reward take the score itself.
/// </summary>
public interface IJudge : IDisposable
{
    /// <summary>How the command line writes it, such as "numeric" or "command:./check.py".</summary>
    string Name { get; }

    /// <summary>What makes a response right, in a few words.</summary>
    string Description { get; }

    /// <summary>The score of each answer, in [0, 1]; responses come together, so that slow verifiers can work on several at once.</summary>
    /// <exception cref="DataException">A record lacks what the verifier needs: a completion, a number in it, a pattern.</exception>
    /// <exception cref="JudgeException">The verifier itself failed, so that nothing can be said of the response.</exception>
    double[] Score(IReadOnlyList<Answer> answers);

    /// <summary>Ends what the verifier may have started.</summary>
    void IDisposable.Dispose()
    {
    }
}

/// <summary>A verifier could not give a score: its command failed or took too long, or a match took too long.</summary>
public sealed class JudgeException(string message, Exception? inner = null) : Exception(message, inner);
