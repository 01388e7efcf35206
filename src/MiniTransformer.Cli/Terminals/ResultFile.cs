using System.Diagnostics;
using System.Text;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Cli.Terminals;

/// <summary>Where results go: standard output, or the file of --out, which appears when all of it is written.</summary>
internal sealed class ResultFile : IDisposable
{
    private readonly string? path;
    private readonly string? temporary;
    private readonly Terminal terminal;

    private ResultFile(string? path, Terminal terminal)
    {
        (this.path, this.terminal) = (path, terminal);
        if (path is null)
        {
            Writer = terminal.Out;
            return;
        }

        if (Path.Exists(path)) throw new UsageException($"--out: '{Invocation.Shown(path)}' exists already; name another file.");
        try
        {
            if (Path.GetDirectoryName(path) is { } folder) Directory.CreateDirectory(folder);
            RemoveLeftovers(path);
            temporary = $"{path}.tmp-{Environment.ProcessId}";
            Writer = new StreamWriter(temporary, append: false,
                new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
            { NewLine = "\n" };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"--out: '{Invocation.Shown(path)}' cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Write the results here.</summary>
    public TextWriter Writer { get; }

    /// <summary>Results to a file that does not exist yet, or to standard output if there is no path.</summary>
    public static ResultFile Open(string? path, Terminal terminal) => new(path, terminal);

    /// <summary>All is written: the file gets its name.</summary>
    public void Keep()
    {
        if (path is null) return;
        Writer.Dispose();
        File.Move(temporary!, path);
        terminal.Say($"Written to {Invocation.Shown(path)}.");
    }

    /// <summary>
    /// The command was stopped: what is written so far is kept, in a file beside the one that whole results would have got.
    /// </summary>
    /// <param name="done">What is done, such as "2 of 5 policies are measured"; null if nothing is.</param>
    /// <returns>The exception that says so.</returns>
    public Interruption Part(string? done)
    {
        if (done is null) return new Interruption("Interrupted before there was a result; the same command begins again.");
        Writer.Flush();
        if (path is null) return new Interruption($"Interrupted: {done}.");
        Writer.Dispose();
        string part = $"{path}.partial";
        File.Move(temporary!, part, overwrite: true);
        return new Interruption($"Interrupted: {done}, in {Invocation.Shown(part)}.");
    }

    // Unfinished files of processes that were killed.
    private static void RemoveLeftovers(string path)
    {
        string start = Path.GetFileName(path) + ".tmp-";
        foreach (string file in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, start + "*"))
        {
            if (!int.TryParse(Path.GetFileName(file).AsSpan(start.Length), out int process)) continue;
            try
            {
                Process.GetProcessById(process).Dispose();
            }
            catch (ArgumentException)
            {
                File.Delete(file);
            }
        }
    }

    /// <summary>Removes what is unfinished.</summary>
    public void Dispose()
    {
        if (path is null) return;
        Writer.Dispose();
        if (File.Exists(temporary)) File.Delete(temporary);
    }
}
