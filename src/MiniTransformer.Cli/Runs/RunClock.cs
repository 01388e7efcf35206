using System.Diagnostics;
using System.Globalization;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// The seconds that all starts of a run took together, in its file seconds.txt. They are written at every <see cref="Save"/>, so that a start that is killed loses
/// only what came after its last one.
/// </summary>
internal sealed class RunClock
{
    private readonly Lock writing = new();
    private readonly long begin = Stopwatch.GetTimestamp();
    private readonly string path;
    private readonly double before;

    /// <summary>Starts at what the folder says; the file appears with the first save.</summary>
    public RunClock(string folder) => (path, before) = (PathIn(folder), Read(folder) ?? 0);

    /// <summary>Seconds of all starts, this one included.</summary>
    public double Seconds => before + Stopwatch.GetElapsedTime(begin).TotalSeconds;

    /// <summary>What is written in a folder; null where nothing is.</summary>
    public static double? Read(string folder) =>
        File.Exists(PathIn(folder)) && double.TryParse(File.ReadAllText(PathIn(folder)), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) ? seconds : null;

    /// <summary>Writes the seconds so far.</summary>
    public void Save()
    {
        lock (writing) AtomicFile.WriteAllText(path, Seconds.ToString("F1", CultureInfo.InvariantCulture) + "\n");
    }

    private static string PathIn(string folder) => Path.Combine(folder, "seconds.txt");
}
