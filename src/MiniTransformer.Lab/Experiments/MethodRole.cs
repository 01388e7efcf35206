namespace MiniTransformer.Lab;

/// <summary>What a method is in a comparison: the ones that others are measured by, and the ones that conclusions speak of.</summary>
public enum MethodRole
{
    /// <summary>One method among others.</summary>
    Other,

    /// <summary>The base, untrained on the demonstrations.</summary>
    Base,

    /// <summary>π_SFT as it is.</summary>
    Sft,

    /// <summary>π_SFT sampled at a lower temperature: what costs nothing.</summary>
    CoolSft,

    /// <summary>More SFT on the same demonstrations.</summary>
    ContinuedSft,

    /// <summary>More SFT on the last, best part of demonstrations that are ordered.</summary>
    ContinuedOnLastPart,

    /// <summary>Dense-Path REINFORCE.</summary>
    Dpr,

    /// <summary>The same with the floored reward.</summary>
    FlooredDpr,

    /// <summary>The same reward, given to the response as a whole.</summary>
    Sentence,

    /// <summary>Extrapolated decoding, which needs no training.</summary>
    Extrapolation,

    /// <summary>A method that the verifier tells which responses are right: it knows more than the demonstrations say.</summary>
    SeesJudge,
}
