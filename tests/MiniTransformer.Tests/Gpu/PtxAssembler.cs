using System.Diagnostics;
using System.Text.RegularExpressions;

namespace MiniTransformer.Tests.Gpu;

/// <summary>What the assembler says of a kernel: registers a thread, and bytes a thread of stack and of spilled registers.</summary>
internal readonly record struct PtxUse(int Registers, int Stack, int SpillStores, int SpillLoads, int SharedMemory);

/// <summary>
/// NVIDIA's PTX assembler, ptxas: named by MINITRANSFORMER_PTXAS, or where .ci/ptxas leaves it. It needs no GPU, and refuses what a driver
/// would refuse.
/// </summary>
internal static partial class PtxAssembler
{
    /// <summary>Its path, or null if this machine has none.</summary>
    public static string? Path { get; } = Find();

    /// <summary>Why the tests that need it are skipped.</summary>
    public const string Absence = "ptxas: this machine has none; .ci/ptxas gets it, MINITRANSFORMER_PTXAS names it.";

    /// <summary>Assembles a kernel for an architecture such as "sm_80".</summary>
    public static PtxUse Assemble(string ptx, string architecture)
    {
        string source = System.IO.Path.GetTempFileName();
        try
        {
            File.WriteAllText(source, ptx);
            var start = new ProcessStartInfo(Path
                ?? throw new InvalidOperationException(Absence), ["-v", "-arch", architecture, "-o", "/dev/null", source])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            };
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd() + errors.Result;
            process.WaitForExit();
            if (process.ExitCode != 0) throw new InvalidOperationException($"ptxas refuses it for {architecture}: {output}\n{ptx}");
            return Parse(output);
        }
        finally
        {
            File.Delete(source);
        }
    }

    // ptxas info : Function properties for Kernel
    //     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
    // ptxas info : Used 32 registers, 4096 bytes smem, 400 bytes cmem[0]
    private static PtxUse Parse(string output)
    {
        Match frame = Frame().Match(output), use = Use().Match(output), shared = Shared().Match(output);
        if (!frame.Success || !use.Success) throw new FormatException($"ptxas reports in another way than was expected: {output}");
        static int Number(Match match, int group) => match.Success ? int.Parse(match.Groups[group].ValueSpan) : 0;
        return new PtxUse(Number(use, 1), Number(frame, 1), Number(frame, 2), Number(frame, 3), Number(shared, 1));
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("MINITRANSFORMER_PTXAS") is { Length: > 0 } named) return named;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string cache = Environment.GetEnvironmentVariable("MINITRANSFORMER_CACHE")
            ?? System.IO.Path.Combine(home, ".cache", "minitransformer");
        string cached = System.IO.Path.Combine(cache, "ptxas");
        return File.Exists(cached) ? cached : null;
    }

    [GeneratedRegex(@"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex Frame();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Use();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();
}
