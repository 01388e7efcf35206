namespace MiniTransformer.Cli.Runs;

/// <summary>One of the most probable tokens at a state, with what the policies say of it, in nats.</summary>
/// <param name="Id">Its id in the vocabulary.</param>
/// <param name="Text">Its text.</param>
/// <param name="LogProb">log π_SFT(a|s).</param>
/// <param name="ReferenceLogProbs">log π_ref(a|s), for each reference.</param>
public sealed record ScoredAlternative(int Id, string Text, double LogProb, IReadOnlyList<double> ReferenceLogProbs);

/// <summary>One response token with what the policies and the recovered rewards say about it, in nats.</summary>
/// <param name="Id">Its id in the vocabulary.</param>
/// <param name="Text">Its text.</param>
/// <param name="LogProb">log π_SFT(a|s), which is also the shaped reward.</param>
/// <param name="RQ">The inverse-Bellman reward r_Q(s,a) = Q(s,a) − V(s′), with V = 0 after an end token; NaN where V(s′) is not
/// known.</param>
/// <param name="Value">V(s) = log Σ exp Q(s, ·), before the token.</param>
/// <param name="ReferenceLogProbs">log π_ref(a|s), for each reference.</param>
/// <param name="Alternatives">The most probable tokens at the same state, the most probable first; null if they are not known.</param>
/// <param name="Mark">What is to be said of this token, such as that it is a planted error; null for nothing.</param>
public sealed record ScoredToken(
    int Id, string Text, double LogProb, double RQ, double Value, IReadOnlyList<double> ReferenceLogProbs,
    IReadOnlyList<ScoredAlternative>? Alternatives = null, string? Mark = null)
{
    /// <summary>r̂(s,a) = log π_SFT(a|s) − log π_ref(a|s) for a reference.</summary>
    public double RHat(int reference = 0) => LogProb - ReferenceLogProbs[reference];
}

/// <summary>A response to a prompt with its tokens scored.</summary>
/// <param name="Prompt">The prompt's text.</param>
/// <param name="Tokens">The response's tokens, the end token included.</param>
/// <param name="Correct">Whether a verifier found it right; null without a verifier.</param>
/// <param name="Label">Where it comes from, such as a method.</param>
/// <param name="References">The references' names, in the order of the tokens' values.</param>
public sealed record ScoredResponse(string Prompt, IReadOnlyList<ScoredToken> Tokens, bool? Correct, string? Label,
    IReadOnlyList<string> References)
{
    /// <summary>Whether the response ended; false for one that was cut off.</summary>
    public bool Ended { get; init; } = true;

    /// <summary>
    /// V of the state after the response: 0 where it ended, NaN where it was cut off and the model has no position for that state.
    /// </summary>
    public double FinalValue { get; init; }
}
