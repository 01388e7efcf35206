namespace MiniTransformer.Lab;

/// <summary>One thing that the numbers say.</summary>
/// <param name="Outcome">Which way it goes; <see cref="Outcome.Unmeasured"/> for a remark.</param>
/// <param name="Claim">The statement.</param>
/// <param name="Evidence">Its numbers.</param>
public sealed record Finding(Outcome Outcome, string Claim, string Evidence)
{
    /// <summary>Claim and evidence in one line.</summary>
    public string Text => $"{Claim}: {Evidence}.";
}
