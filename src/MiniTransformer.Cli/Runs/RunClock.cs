using System.Diagnostics;
using System.Globalization;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// The seconds that all starts of a run took together, in its file seconds.txt. They are written at every <see cref="Save"/>, so that a
/// start that is killed loses only what came after its last one.
/// </summary>
internal sealed class RunClock
{
    private readonly Lock writing = new();
    private readonly long begin = Stopwatch.GetTimestamp();
    private readonly string path;
    private readonly double before;

    /// <summary>
    /// Starts at what the folder says; the file appears with the first save. From a damaged file on the time is not known.
    /// </summary>
    public RunClock(string folder) => (path, before) = (PathIn(folder), Read(folder) ?? (File.Exists(PathIn(folder)) ? double.NaN : 0));

    /// <summary>Seconds of all starts, this one included.</summary>
    public double Seconds => before + Stopwatch.GetElapsedTime(begin).TotalSeconds;

    /// <summary>What is written in a folder; null where nothing is, or not what was written.</summary>
    public static double? Read(string folder)
    {
        if (!File.Exists(PathIn(folder))) return null;
        string text = File.ReadAllText(PathIn(folder)).TrimEnd('\n');
        int end = text.IndexOf('.', StringComparison.Ordinal) + 2;
        bool whole = end == text.Length || (end <= text.Length && Marked(text[..end]) == text); // without a mark it is an earlier version's
        return whole && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds)
            && double.IsFinite(seconds) ? seconds : null;
    }

    /// <summary>Writes the seconds so far.</summary>
    public void Save()
    {
        string seconds = Seconds.ToString("F1", CultureInfo.InvariantCulture);
        lock (writing) AtomicFile.WriteAllText(path, Marked(seconds) + "\n");
    }

    // The decimals after the first are a checksum of what stands before them.
    private static string Marked(string seconds) =>
        seconds + (Convert.ToUInt64(Checksums.OfText(seconds)[..15], 16) % 1_000_000_000).ToString("D9", CultureInfo.InvariantCulture);

    private static string PathIn(string folder) => Path.Combine(folder, "seconds.txt");
}
