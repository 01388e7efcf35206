namespace MiniTransformer.Benchmarks;

/// <summary>Flags with values.</summary>
internal static class Arguments
{
    /// <summary>What follows the flag, or null if it is not there.</summary>
    public static string? Get(string[] args, string flag)
    {
        int at = Array.IndexOf(args, flag);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }
}
