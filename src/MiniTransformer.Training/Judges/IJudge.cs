using MiniTransformer.Data;

namespace MiniTransformer.Judges;

/// <summary>What a verifier is asked about.</summary>
/// <param name="Prompt">The prompt as text.</param>
/// <param name="Response">The response as text, without its end token.</param>
/// <param name="Gold">The right answer: the data's gold where it has one, else its completion; null where it has neither as text.</param>
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

    /// <summary>
    /// Whether a response is compared with the data's answer: if that may be wrong itself, the share of right responses is agreement and
    /// not accuracy. False where a pattern or a program says what is right.
    /// </summary>
    bool ComparesWithAnswer { get; }

    /// <summary>The score of each answer, in [0, 1]; responses come together, so that slow verifiers can work on several at once.</summary>
    /// <exception cref="DataException">A record lacks what the verifier needs: a completion, a number in it, a pattern.</exception>
    /// <remarks>A response that the verifier cannot judge, because it hangs, crashes or says nothing, scores 0 and is noted in
    /// <see cref="Log"/>.</remarks>
    double[] Score(IReadOnlyList<Answer> answers);

    /// <summary>What could not be judged so far; null where a verifier keeps no log.</summary>
    JudgeLog? Log => null;

    /// <summary>
    /// Asks about right answers before anything is trained: finds a record that cannot be judged, and a command that fails on all of them.
    /// </summary>
    /// <param name="golds">Some answers whose response is the right one.</param>
    /// <exception cref="DataException">A record lacks what the verifier needs.</exception>
    /// <exception cref="JudgeException">A command fails on all of them.</exception>
    void Check(IReadOnlyList<Answer> golds) => Score(golds);

    /// <summary>Ends what the verifier may have started.</summary>
    void IDisposable.Dispose()
    {
    }
}

/// <summary>A verifier could not give a score: its command failed or took too long, or a match took too long.</summary>
public sealed class JudgeException(string message, Exception? inner = null) : Exception(message, inner);
