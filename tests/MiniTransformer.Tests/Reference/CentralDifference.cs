namespace MiniTransformer.Tests.Reference;

/// <summary>Gradients by central differences of a double-precision function: the judge of every backward kernel.</summary>
internal static class CentralDifference
{
    /// <summary>
    /// ∂f/∂xᵢ ≈ (f(x + h eᵢ) − f(x − h eᵢ)) / 2h. With h = 1e-5 truncation and rounding are near 1e-10 for values near 1: far below
    /// the error of a float kernel.
    /// </summary>
    public static double[] Gradient(Func<double[], double> f, double[] x, double h = 1e-5)
    {
        var gradient = new double[x.Length];
        double[] at = [.. x];
        for (int i = 0; i < x.Length; i++)
        {
            at[i] = x[i] + h;
            double up = f(at);
            at[i] = x[i] - h;
            gradient[i] = (up - f(at)) / (2 * h);
            at[i] = x[i];
        }

        return gradient;
    }

    /// <summary>The gradient of ⟨dy, f(x)⟩: what a backward kernel adds to dx when dy arrives.</summary>
    public static double[] Gradient(Func<double[], double[]> f, double[] x, double[] dy, double h = 1e-5) =>
        Gradient(at => f(at).Zip(dy, (y, d) => y * d).Sum(), x, h);
}
