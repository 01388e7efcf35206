namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// The blocks that the inner dimension is cut into, by K alone: even, at most <see cref="MaxDepth"/> long, and in whole steps of
/// <see cref="Step"/>, so that inner loops have no remainder before the end of K and quadruples stay aligned.
/// </summary>
internal static class GemmDepth
{
    /// <summary>
    /// Longest block: a panel of B this deep stays in a first-level cache, and long products can be shared among many groups.
    /// </summary>
    public const int MaxDepth = 256;

    /// <summary>What every block but the last is a multiple of.</summary>
    public const int Step = 16;

    /// <summary>Number of blocks; one for K = 0.</summary>
    public static int Blocks(int k) => k <= MaxDepth ? 1 : (Steps(k) + (MaxDepth / Step) - 1) / (MaxDepth / Step);

    /// <summary>First k of block p of the given number; block p ends where block p + 1 starts, the last at K.</summary>
    public static int Start(int k, int p, int blocks) => p == blocks ? k : (int)((long)Steps(k) * p / blocks) * Step;

    private static int Steps(int k) => (k + Step - 1) / Step;
}
