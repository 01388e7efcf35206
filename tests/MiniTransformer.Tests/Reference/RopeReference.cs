namespace MiniTransformer.Tests.Reference;

/// <summary>
/// Rotary position embedding from its definition: the pair (i, i + D/2) as a complex number, multiplied by e^(± i position θᵢ),
/// θᵢ = base^(−2i/D).
/// </summary>
internal static class RopeReference
{
    public static double[] Forward(double[] x, int[] positions, int H, int D, double theta = 10000, double sign = 1)
    {
        var y = new double[x.Length];
        for (int r = 0; r < positions.Length; r++)
        {
            for (int h = 0; h < H; h++)
            {
                for (int i = 0; i < D / 2; i++)
                {
                    double angle = sign * positions[r] * Math.Pow(theta, -2.0 * i / D);
                    int first = (r * H + h) * D + i, second = first + D / 2;
                    y[first] = x[first] * Math.Cos(angle) - x[second] * Math.Sin(angle);
                    y[second] = x[second] * Math.Cos(angle) + x[first] * Math.Sin(angle);
                }
            }
        }

        return y;
    }
}
