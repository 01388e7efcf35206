namespace MiniTransformer.Optim;

/// <summary>The learning rate as a function of the step: linear warm-up, then a cosine down to a final fraction, or constant.</summary>
/// <param name="Peak">The largest rate.</param>
/// <param name="WarmupSteps">Steps of linear warm-up from 0.</param>
/// <param name="FinalFraction">What the rate falls towards, as a fraction of the peak, and would reach at the step after the last; 1 is a
/// constant rate.</param>
public sealed record Schedule(double Peak, int WarmupSteps = 0, double FinalFraction = 1)
{
    /// <summary>Warm-up, then the same rate throughout.</summary>
    public static Schedule Constant(double rate, int warmupSteps = 0) => new(rate, warmupSteps);

    /// <summary>Warm-up, then half a cosine from the peak towards a fraction of it.</summary>
    public static Schedule Cosine(double peak, int warmupSteps, double finalFraction) => new(peak, warmupSteps, finalFraction);

    /// <summary>
    /// The rate of step 0 ≤ step &lt; total: min(1, (step+1)/warm-up) · peak · (f + (1−f)(1 + cos πx)/2), x the part done after warm-up.
    /// </summary>
    public double At(int step, int total)
    {
        if (step < WarmupSteps) return Peak * (step + 1) / WarmupSteps;
        double done = Math.Min(1.0, (step - WarmupSteps) / (double)Math.Max(1, total - WarmupSteps));
        return Peak * (FinalFraction + (1 - FinalFraction) * (1 + Math.Cos(Math.PI * done)) / 2);
    }
}
