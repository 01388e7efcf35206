using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace MiniTransformer.Judges;

/// <summary>
/// A command of the user's that runs: /bin/sh -c (on Windows cmd /c), in the folder where the program was started, as the leader of a group
/// of processes of its own where the system has setsid. So Ctrl+C in a terminal does not reach it, and it is ended with all that it has
/// started. It ends with this program at the latest.
/// </summary>
internal sealed class ShellProcess : IDisposable
{
    // Of standard error no more than this is kept; the rest is read and dropped, so that the command is not held up.
    private const int MostError = 10_000;

    private const string Launcher = "command -v setsid >/dev/null 2>&1 && exec setsid /bin/sh -c \"$1\"; exec /bin/sh -c \"$1\"";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private static readonly ConcurrentDictionary<ShellProcess, int> Running = [];

    private readonly Process process;
    private readonly StringBuilder error = new();
    private readonly Task errorRead;

    static ShellProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) => EndAll();

    private ShellProcess(Process process)
    {
        this.process = process;
        Running[this] = process.Id;
        errorRead = Task.Run(ReadError);
    }

    /// <summary>Its exit code, once it has ended.</summary>
    public int ExitCode => process.ExitCode;

    /// <summary>Its input.</summary>
    public StreamWriter Input => process.StandardInput;

    /// <summary>Its output.</summary>
    public StreamReader Output => process.StandardOutput;

    /// <summary>The beginning of its standard error so far.</summary>
    public string Error
    {
        get
        {
            lock (error) return error.ToString();
        }
    }

    /// <summary>Starts a command.</summary>
    /// <exception cref="JudgeException">There is no shell.</exception>
    public static ShellProcess Start(string command)
    {
        var start = new ProcessStartInfo
        {
            FileName = OperatingSystem.IsWindows() ? "cmd.exe" : "/bin/sh",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Utf8,
            StandardOutputEncoding = Utf8,
            StandardErrorEncoding = Utf8,
        };
        if (OperatingSystem.IsWindows()) start.Arguments = $"/d /s /c \"{command}\"";
        else foreach (string argument in new[] { "-c", Launcher, "sh", command }) start.ArgumentList.Add(argument);
        try
        {
            return new ShellProcess(Process.Start(start)!);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new JudgeException($"the verifier's command '{command}' cannot be started: {e.Message}", e);
        }
    }

    /// <summary>Ends all that run.</summary>
    public static void EndAll()
    {
        foreach (ShellProcess one in Running.Keys) one.Kill();
    }

    /// <summary>Waits for its end.</summary>
    public Task WaitAsync(CancellationToken stop) => process.WaitForExitAsync(stop);

    /// <summary>Waits for its end, so many milliseconds at most.</summary>
    public bool Wait(int milliseconds) => process.WaitForExit(milliseconds);

    /// <summary>
    /// The whole of its standard error's beginning, for which it has to have ended; what is there after a moment, if something else still
    /// holds it.
    /// </summary>
    public async Task<string> AllError()
    {
        await Task.WhenAny(errorRead, Task.Delay(200)).ConfigureAwait(false);
        return Error;
    }

    /// <summary>Ends it with all that it has started, also where it has ended itself.</summary>
    public void Kill()
    {
        try
        {
            if (!OperatingSystem.IsWindows()) _ = Signal(-Running.GetValueOrDefault(this, process.Id), 9);
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e
            is InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException or NotSupportedException)
        {
            // It has ended by itself.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        Running.TryRemove(this, out _);
        process.Dispose();
    }

    private async Task ReadError()
    {
        char[] buffer = new char[1024];
        try
        {
            for (int n; (n = await process.StandardError.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
            {
                lock (error) error.Append(buffer, 0, Math.Min(n, MostError - error.Length));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It has been ended.
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
