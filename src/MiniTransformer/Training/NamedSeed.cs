namespace MiniTransformer.Training;

/// <summary>Each use of randomness has a seed of its own, so that two uses of one seed do not draw the same numbers.</summary>
public static class NamedSeed
{
    /// <summary>The seed of a use: the hash of its name (FNV-1a), mixed with the run's seed.</summary>
    public static ulong Of(string use, ulong seed)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in use) hash = (hash ^ c) * 1099511628211;
        return hash ^ (seed * 0x9E3779B97F4A7C15);
    }
}
