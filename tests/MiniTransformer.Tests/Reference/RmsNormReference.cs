namespace MiniTransformer.Tests.Reference;

/// <summary>yᵢ = wᵢ xᵢ / √(mean(x²) + ε), per row of C.</summary>
internal static class RmsNormReference
{
    public static double[] Forward(double[] x, double[] w, int C, double eps)
    {
        var y = new double[x.Length];
        for (int r = 0; r < x.Length / C; r++)
        {
            double squares = 0;
            for (int i = 0; i < C; i++) squares += x[r * C + i] * x[r * C + i];
            for (int i = 0; i < C; i++) y[r * C + i] = w[i] * x[r * C + i] / Math.Sqrt(squares / C + eps);
        }

        return y;
    }
}
