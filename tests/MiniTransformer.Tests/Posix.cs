using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MiniTransformer.Tests;

/// <summary>A fact about commands in the language of /bin/sh, or about signals; skipped on Windows.</summary>
internal sealed class PosixFactAttribute : FactAttribute
{
    public PosixFactAttribute() => Skip = Posix.WhyNot;
}

/// <summary>A theory about commands in the language of /bin/sh, or about signals; skipped on Windows.</summary>
internal sealed class PosixTheoryAttribute : TheoryAttribute
{
    public PosixTheoryAttribute() => Skip = Posix.WhyNot;
}

internal static partial class Posix
{
    /// <summary>SIGINT, what Ctrl+C sends.</summary>
    public const int Interrupt = 2;

    /// <summary>SIGTERM.</summary>
    public const int Terminate = 15;

    public static string? WhyNot =>
        OperatingSystem.IsWindows() ? "its commands are written for /bin/sh, and its signals are POSIX's" : null;

    /// <summary>Sends a signal.</summary>
    public static void Send(Process process, int signal) => _ = Kill(process.Id, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
