namespace MiniTransformer.Tests;

/// <summary>Where the sources are: some claims are about them.</summary>
internal static class Repository
{
    /// <summary>The folder that holds MiniTransformer.sln, above the test binaries.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "MiniTransformer.sln"))) return folder;
        }

        throw new DirectoryNotFoundException($"There is no MiniTransformer.sln above {AppContext.BaseDirectory}.");
    }
}
