namespace MiniTransformer.Judging;

/// <summary>
/// Compares what we compute with what other programs compute. Arguments: a folder with the packages of real tokenizers
/// (NAME.json), and the folder of real models, which may be missing. Ends with "N passed, N failed".
/// </summary>
internal static class Program
{
    private static int passed, failed;

    private static int Main(string[] args)
    {
        (string tokenizers, string real) = (args[0], args[1]);
        string folder = Directory.CreateTempSubdirectory("judges").FullName;
        try
        {
            TokenizerJudge.Run(tokenizers, folder);
            GgufJudge.Run(tokenizers, real, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Console.WriteLine($"{passed} passed, {failed} failed");
        return failed == 0 ? 0 : 1;
    }

    /// <summary>Says and counts how a comparison ended.</summary>
    public static void Report(string what, bool holds, string measured)
    {
        if (holds) passed++;
        else failed++;
        Console.WriteLine($"{(holds ? "ok  " : "FAIL")} {what}: {measured}");
    }
}
