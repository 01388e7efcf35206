namespace MiniTransformer.Tests.Reference;

/// <summary>y[r] = table[ids[r]].</summary>
internal static class EmbeddingReference
{
    public static double[] Forward(double[] table, int[] ids, int C)
    {
        var y = new double[ids.Length * C];
        for (int r = 0; r < ids.Length; r++)
        {
            for (int c = 0; c < C; c++) y[r * C + c] = table[ids[r] * C + c];
        }

        return y;
    }
}
