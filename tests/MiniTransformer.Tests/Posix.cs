namespace MiniTransformer.Tests;

/// <summary>A fact about commands in the language of /bin/sh; skipped on Windows.</summary>
internal sealed class PosixFactAttribute : FactAttribute
{
    public PosixFactAttribute() => Skip = Posix.WhyNot;
}

/// <summary>A theory about commands in the language of /bin/sh; skipped on Windows.</summary>
internal sealed class PosixTheoryAttribute : TheoryAttribute
{
    public PosixTheoryAttribute() => Skip = Posix.WhyNot;
}

file static class Posix
{
    public static string? WhyNot => OperatingSystem.IsWindows() ? "its commands are written for /bin/sh" : null;
}
