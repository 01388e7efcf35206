namespace MiniTransformer.Reports;

/// <summary>One response token with what the policies and the recovered rewards say about it, in nats.</summary>
/// <param name="Id">Its id in the vocabulary.</param>
/// <param name="Text">Its text.</param>
/// <param name="LogProb">log π_SFT(a|s).</param>
/// <param name="ReferenceLogProb">log π_ref(a|s).</param>
/// <param name="RQ">The inverse-Bellman reward r_Q(s,a) = Q(s,a) − γ V_Q(s′).</param>
/// <param name="Shaped">The shaped reward log π_SFT(a|s).</param>
/// <param name="RHat">The baseline-relative reward r̂(s,a) = log π_SFT(a|s) − log π_ref(a|s).</param>
public sealed record ScoredToken(int Id, string Text, double LogProb, double ReferenceLogProb, double RQ, double Shaped, double RHat);

/// <summary>A response to a prompt with its tokens scored.</summary>
/// <param name="Prompt">The prompt's text.</param>
/// <param name="Tokens">The response's tokens, the end token included.</param>
/// <param name="Correct">Whether a verifier found it right; null without a verifier.</param>
/// <param name="Label">Where it comes from, such as the arm's name.</param>
public sealed record ScoredResponse(string Prompt, IReadOnlyList<ScoredToken> Tokens, bool? Correct, string? Label);
