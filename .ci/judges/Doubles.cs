namespace MiniTransformer.Tests.Kernels;

/// <summary>What the tests' checkpoints take from the tests of kernels.</summary>
internal static class Doubles64
{
    /// <summary>The values as double.</summary>
    public static double[] Doubles(this float[] x) => Array.ConvertAll(x, v => (double)v);
}
