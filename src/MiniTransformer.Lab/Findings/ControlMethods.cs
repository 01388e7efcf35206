
namespace MiniTransformer.Lab;

/// <summary>The names of the methods that a comparison's conclusions speak about.</summary>
public static class ControlMethods
{
    /// <summary>π_SFT as it is.</summary>
    public const string Sft = "SFT";

    /// <summary>The base, untrained on the demonstrations.</summary>
    public const string Base = "base";

    /// <summary>π_SFT sampled at a lower temperature.</summary>
    public const string CoolSft = "SFT at T = 0.5";

    /// <summary>More SFT on the same demonstrations.</summary>
    public const string ContinuedSft = "continued SFT";

    /// <summary>More SFT on the last, best part of demonstrations that are ordered.</summary>
    public const string ContinuedOnLastPart = "continued SFT, last part";

    /// <summary>Dense-Path REINFORCE.</summary>
    public const string Dpr = "DPR";

    /// <summary>DPR with the floored reward.</summary>
    public const string FlooredDpr = "DPR, floor";

    /// <summary>Extrapolated decoding, which needs no training.</summary>
    public const string Extrapolation = "extrapolated decoding";

    /// <summary>The same reward, given to the response as a whole.</summary>
    public const string Sentence = "sentence-level REINFORCE";

    /// <summary>The knob of the discount: a setting that changes the objective, not the distance from π_SFT.</summary>
    public const string Discount = "γ";

    /// <summary>Whether a method is told by the task's verifier which responses are right: it knows more than the demonstrations say.</summary>
    public static bool SeesJudge(string method) => method.Contains("verifier", StringComparison.Ordinal);

    /// <summary>Whether a cell is some form of continued SFT.</summary>
    public static bool IsContinuedSft(CellResult cell) => cell.Method is ContinuedSft or ContinuedOnLastPart;
}
