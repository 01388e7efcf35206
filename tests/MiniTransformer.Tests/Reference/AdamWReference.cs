namespace MiniTransformer.Tests.Reference;

/// <summary>One step of AdamW with decoupled decay, as in its paper, on one number.</summary>
internal static class AdamWReference
{
    public static (double Parameter, double M, double V) Step(
        double parameter, double gradient, double m, double v, double learningRate, double beta1, double beta2, double epsilon,
        double decay, int t)
    {
        m = beta1 * m + (1 - beta1) * gradient;
        v = beta2 * v + (1 - beta2) * gradient * gradient;
        double mHat = m / (1 - Math.Pow(beta1, t)), vHat = v / (1 - Math.Pow(beta2, t));
        return (parameter - learningRate * (mHat / (Math.Sqrt(vHat) + epsilon) + decay * parameter), m, v);
    }
}
