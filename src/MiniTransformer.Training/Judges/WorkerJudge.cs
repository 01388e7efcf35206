using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace MiniTransformer.Judges;

/// <summary>
/// A long-lived command of the user's judges responses: it reads one JSON object a line, as <see cref="CommandJudge"/>'s does, and prints one score
/// a line, until its input ends. It has to flush its output after every line. A few run at a time, each on responses of its own.
/// </summary>
/// <param name="command">What the shell is to run.</param>
/// <param name="timeout">The longest that one response may take, a worker's start included; 10 s if null.</param>
/// <param name="parallel">How many workers there may be; one a core if 0.</param>
public sealed class WorkerJudge(string command, TimeSpan? timeout = null, int parallel = 0) : IJudge
{
    private readonly TimeSpan timeout = timeout ?? TimeSpan.FromSeconds(10);
    private readonly int parallel = parallel > 0 ? parallel : Environment.ProcessorCount;
    private readonly ConcurrentBag<Worker> idle = [];

    /// <inheritdoc/>
    public string Name => $"worker:{command}";

    /// <inheritdoc/>
    public string Description => $"the command '{command}' gives it a score of at least {Judge.Right.ToString(System.Globalization.CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers)
    {
        double[] scores = new double[answers.Count];
        int next = -1;
        Task.Run(() => Parallel.ForAsync(0, Math.Min(parallel, answers.Count), async (_, stop) =>
        {
            Worker worker = idle.TryTake(out Worker? waiting) ? waiting : new Worker(command);
            try
            {
                for (int i; !stop.IsCancellationRequested && (i = Interlocked.Increment(ref next)) < answers.Count;)
                    scores[i] = await worker.Score(answers[i], timeout).ConfigureAwait(false);
            }
            catch
            {
                worker.Dispose();
                throw;
            }

            idle.Add(worker);
        })).GetAwaiter().GetResult();
        return scores;
    }

    /// <summary>Ends the workers.</summary>
    public void Dispose()
    {
        while (idle.TryTake(out Worker? worker)) worker.Dispose();
    }

    private sealed class Worker : IDisposable
    {
        private const int MostKept = 10_000;

        private readonly string command;
        private readonly Process process;
        private readonly StringBuilder error = new();

        public Worker(string command)
        {
            this.command = command;
            process = ShellCommand.Start(command);
            process.ErrorDataReceived += (_, line) =>
            {
                lock (error)
                {
                    if (error.Length < MostKept) error.AppendLine(line.Data);
                }
            };
            process.BeginErrorReadLine();
        }

        public async Task<double> Score(Answer answer, TimeSpan timeout)
        {
            try
            {
                string? line = await Exchange(ShellCommand.Request(answer)).WaitAsync(timeout).ConfigureAwait(false);
                return line is null ? throw Ended() : ShellCommand.Score(command, line, Error());
            }
            catch (TimeoutException)
            {
                throw Failure(FormattableString.Invariant(
                    $"gave no line within {timeout.TotalSeconds:0.##} s on the response '{Judge.Short(answer.Response)}' (does it flush its output after every line?)"));
            }
            catch (IOException)
            {
                throw Ended();
            }
        }

        public void Dispose()
        {
            if (!process.HasExited) ShellCommand.Kill(process);
            process.Dispose();
        }

        private async Task<string?> Exchange(string request)
        {
            await process.StandardInput.WriteLineAsync(request).ConfigureAwait(false);
            await process.StandardInput.FlushAsync().ConfigureAwait(false);
            return await process.StandardOutput.ReadLineAsync().ConfigureAwait(false);
        }

        private JudgeException Ended() => Failure(
            (process.WaitForExit(1000) ? $"ended with exit code {process.ExitCode}" : "closed its output") + " before it had judged all responses; a worker reads until its input ends");

        private JudgeException Failure(string what) => ShellCommand.Failure(command, what, Error());

        private string Error()
        {
            lock (error) return error.ToString();
        }
    }
}
