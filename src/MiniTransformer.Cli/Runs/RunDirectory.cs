using System.Text.Json;
using System.Text.Json.Serialization;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// The folder of one run: <c>run.json</c> (the effective configuration), <c>metrics.jsonl</c>, <c>checkpoints/</c> and
/// <c>report.html</c>. While it is open no other process can open it for writing; the lock goes with the process, however it ends.
/// </summary>
public sealed class RunDirectory : IDisposable
{
    private const string ConfigurationName = "run.json";
    private const string MetricsName = "metrics.jsonl";
    private const string LockName = ".lock";

    private readonly FileStream held;

    /// <summary>
    /// The files that a start which was killed before it wrote its configuration may have left, but for its lock: a run can begin beside
    /// them.
    /// </summary>
    public static IReadOnlyList<string> Leftovers { get; } = [MetricsName, MetricsLog.SumsOf(MetricsName)];

    private RunDirectory(string path, FileStream held)
    {
        Path = path;
        AtomicFile.Recover(path); // the lock is ours
        this.held = held;
        Metrics = new MetricsLog(System.IO.Path.Combine(path, MetricsName));
    }

    /// <summary>How run files are written: camelCase names, enums by name, NaN and infinities as strings.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // these files are read by people: r̂, not r\u0302
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>The folder, as an absolute path.</summary>
    public string Path { get; }

    /// <summary>The metrics, one JSON object a line.</summary>
    public MetricsLog Metrics { get; }

    /// <summary>Where the report goes.</summary>
    public string ReportPath => System.IO.Path.Combine(Path, "report.html");

    /// <summary>Starts a run in a folder that holds none yet, and saves its configuration.</summary>
    /// <exception cref="IOException">The folder cannot be made, holds a run already, or another process is writing it.</exception>
    public static RunDirectory Create(string path, object configuration)
    {
        string full = System.IO.Path.GetFullPath(path);
        if (File.Exists(full)) throw new IOException($"'{path}' is a file; a folder is needed for the run. Choose another one with --out.");
        try
        {
            Directory.CreateDirectory(full);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The folder '{path}' cannot be made: {e.Message} Choose another one with --out.", e);
        }

        FileStream held = Lock(full, path);
        try
        {
            if (Exists(full))
            {
                throw new IOException(
                    $"'{path}' holds a run already ({ConfigurationName} is there). "
                    + "Continue it with --resume, or choose another folder with --out.");
            }

            // of a start that never came to write its configuration
            foreach (string left in Leftovers) File.Delete(System.IO.Path.Combine(full, left));
            var run = new RunDirectory(full, held);
            run.SaveConfiguration(configuration);
            return run;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Opens a run to continue it.</summary>
    /// <exception cref="IOException">There is no run in the folder, or another process is writing it.</exception>
    public static RunDirectory Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        RequireRun(full, path);
        return new RunDirectory(full, Lock(full, path));
    }

    /// <summary>Whether the folder holds a run.</summary>
    public static bool Exists(string path) => File.Exists(System.IO.Path.Combine(path, ConfigurationName));

    /// <summary>The file of the configuration of the run in a folder.</summary>
    public static string ConfigurationPath(string path) => System.IO.Path.Combine(path, ConfigurationName);

    /// <summary>Reads the configuration of a run; it may be in use by a writer.</summary>
    /// <exception cref="IOException">There is no run in the folder, or its configuration cannot be read as a T.</exception>
    public static T ReadConfiguration<T>(string path)
    {
        RequireRun(path, path);
        string file = System.IO.Path.Combine(path, ConfigurationName);
        try
        {
            return SealedJson.Read(file).Deserialize<T>(Json) ?? throw new JsonException("it holds null");
        }
        catch (JsonException e)
        {
            throw new IOException($"'{file}' cannot be read as {typeof(T).Name}: {e.Message}", e);
        }
    }

    /// <summary>Reads the metrics of a run, oldest first; it may be in use by a writer, whose unfinished last line is left out.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="damaged">Hears of each line that is damaged and left out; null refuses such a log.</param>
    public static IReadOnlyList<JsonElement> ReadMetrics(string path, Action<string>? damaged = null) =>
        MetricsLog.Read(System.IO.Path.Combine(path, MetricsName), damaged);

    /// <summary>Saves the effective configuration, replacing the old one as a whole.</summary>
    public void SaveConfiguration(object configuration) => AtomicFile.WriteAllText(
        System.IO.Path.Combine(Path, ConfigurationName),
        SealedJson.Seal(JsonSerializer.Serialize(configuration, configuration.GetType(),
            new JsonSerializerOptions(Json) { WriteIndented = true })));

    /// <summary>The folder of a checkpoint: checkpoints/name.</summary>
    /// <exception cref="ArgumentException">The name would lead out of the folder.</exception>
    public string CheckpointPath(string name) => CheckpointPath(Path, name);

    /// <summary>The folder of a checkpoint of the run at <paramref name="path"/>: checkpoints/name.</summary>
    /// <exception cref="ArgumentException">The name would lead out of the folder.</exception>
    public static string CheckpointPath(string path, string name)
    {
        if (name.Length == 0 || name is "." or ".." || name.AsSpan().IndexOfAny('/', '\\', ':') >= 0)
        {
            throw new ArgumentException($"'{name}' is no name for a checkpoint: a plain name without / \\ : is needed, such as step-400.");
        }

        return System.IO.Path.Combine(path, "checkpoints", name);
    }

    /// <summary>Writes the report, replacing the old one as a whole.</summary>
    public void SaveReport(string html) => AtomicFile.WriteAllText(ReportPath, html);

    /// <summary>Releases the folder.</summary>
    public void Dispose()
    {
        Metrics.Dispose();
        held.Dispose();
    }

    // The lock is the open file, not its existence: the system drops it when the process ends. The file stays, since deleting it
    // would let two writers hold two different files of that name.
    private static FileStream Lock(string full, string path)
    {
        try
        {
            return new FileStream(System.IO.Path.Combine(full, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (!IsHeld(e))
        {
            throw DiskSync.CannotWrite(path, e);
        }
        catch (IOException e)
        {
            throw new IOException(
                $"'{path}' is being written by another process. Wait until it ends, or choose another folder with --out. ({e.Message})", e);
        }
    }

    // EAGAIN of Linux and of macOS, and Windows' sharing and lock violations.
    private static bool IsHeld(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020) or unchecked((int)0x80070021);

    private static void RequireRun(string full, string path)
    {
        if (Exists(full)) return;
        throw new IOException(Directory.Exists(full)
            ? $"'{path}' holds no run: there is no {ConfigurationName} in it. Give the folder that was named with --out."
            : $"'{path}' does not exist; a run's folder is needed, the one that was named with --out.");
    }
}
