namespace MiniTransformer.Training;

/// <summary>
/// How <see cref="Gsil"/> tells demonstrations from answers: ℓ₊ on a demonstration and ℓ₋ on an answer, of f = log of the ratio of their
/// densities. Each is smallest on average where f is that log-ratio (hinge: where f has its sign).
/// </summary>
public enum DensityRatioLoss
{
    /// <summary>ℓ₊(f) = −log σ(f), ℓ₋(f) = −log σ(−f): logistic regression.</summary>
    Logistic,

    /// <summary>ℓ₊(f) = (1 − σ(f))², ℓ₋(f) = σ(f)²: squared error of the probability.</summary>
    Brier,

    /// <summary>ℓ₊(f) = max(0, 1 − f), ℓ₋(f) = max(0, 1 + f).</summary>
    Hinge,

    /// <summary>ℓ₊(f) = −f, ℓ₋(f) = eᶠ: the Kullback–Leibler importance estimation procedure.</summary>
    Kliep,

    /// <summary>ℓ₊(f) = −eᶠ, ℓ₋(f) = ½ e²ᶠ: least-squares importance fitting.</summary>
    Lsif,
}

/// <summary>The losses and their derivatives.</summary>
internal static class DensityRatio
{
    /// <summary>ℓ₊(f), and ℓ₊′(f).</summary>
    public static (double Loss, double Slope) Demonstration(this DensityRatioLoss loss, double f)
    {
        if (loss == DensityRatioLoss.Kliep) return (-f, -1);
        if (loss == DensityRatioLoss.Lsif) return (-Math.Exp(f), -Math.Exp(f));
        (double value, double slope) = loss.Answer(-f); // the others treat the two alike: ℓ₊(f) = ℓ₋(−f)
        return (value, -slope);
    }

    /// <summary>ℓ₋(f), and ℓ₋′(f).</summary>
    public static (double Loss, double Slope) Answer(this DensityRatioLoss loss, double f)
    {
        double p = Logistic.Sigmoid(f);
        return loss switch
        {
            DensityRatioLoss.Logistic => (Logistic.Loss(-f), p),
            DensityRatioLoss.Brier => (p * p, 2 * p * p * Logistic.Sigmoid(-f)), // σ′ = σ(f) σ(−f)
            DensityRatioLoss.Hinge => (Math.Max(0, 1 + f), f > -1 ? 1 : 0),
            DensityRatioLoss.Kliep => (Math.Exp(f), Math.Exp(f)),
            DensityRatioLoss.Lsif => (Math.Exp(2 * f) / 2, Math.Exp(2 * f)),
            _ => throw new ArgumentOutOfRangeException(nameof(loss), loss, null),
        };
    }
}
