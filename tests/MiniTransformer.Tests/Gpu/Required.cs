namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// What a machine must have for the tests to pass: the names in MINITRANSFORMER_REQUIRE, such as "opencl,ptxas". Tests of what is absent
/// and not required are reported as skipped.
/// </summary>
internal static class Required
{
    private static readonly string[] Names =
        (Environment.GetEnvironmentVariable("MINITRANSFORMER_REQUIRE") ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Whether the absence of this is a failure.</summary>
    public static bool Has(string name) => Names.Contains(name);
}
