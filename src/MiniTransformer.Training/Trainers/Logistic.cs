namespace MiniTransformer.Training;

/// <summary>The logistic loss in double: ℓ(z) = −log σ(z), without overflow on either side.</summary>
internal static class Logistic
{
    /// <summary>σ(z) = 1 / (1 + e⁻ᶻ).</summary>
    public static double Sigmoid(double z) => z >= 0 ? 1 / (1 + Math.Exp(-z)) : Math.Exp(z) / (1 + Math.Exp(z));

    /// <summary>ℓ(z) = log(1 + e⁻ᶻ) = max(−z, 0) + log(1 + e^−|z|).</summary>
    public static double Loss(double z) => Math.Max(-z, 0) + double.LogP1(Math.Exp(-Math.Abs(z)));

    /// <summary>ℓ′(z) = −σ(−z).</summary>
    public static double Slope(double z) => -Sigmoid(-z);
}
