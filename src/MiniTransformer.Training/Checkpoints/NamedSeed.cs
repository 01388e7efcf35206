namespace MiniTransformer.Training;

/// <summary>
/// Uses that would otherwise share the streams of one seed get a seed of their own: a corpus and the demonstrations, say, must not draw the
/// same numbers.
/// </summary>
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
