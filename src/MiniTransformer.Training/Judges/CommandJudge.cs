using System.Diagnostics;

namespace MiniTransformer.Judges;

/// <summary>
/// A command of the user's judges each response. It is started once a response, reads one JSON object on standard input,
/// {"prompt": …, "response": …} and, where the data has one, "completion", and prints a score from 0 to 1, or true or false. A few run at a time.
/// Where starting takes long, use <see cref="WorkerJudge"/>.
/// </summary>
/// <param name="command">What the shell is to run.</param>
/// <param name="timeout">The longest that one response may take; 10 s if null.</param>
/// <param name="parallel">How many run at a time; one a core if 0.</param>
public sealed class CommandJudge(string command, TimeSpan? timeout = null, int parallel = 0) : IJudge
{
    private readonly TimeSpan timeout = timeout ?? TimeSpan.FromSeconds(10);
    private readonly int parallel = parallel > 0 ? parallel : Environment.ProcessorCount;

    /// <inheritdoc/>
    public string Name => $"command:{command}";

    /// <inheritdoc/>
    public string Description => $"the command '{command}' gives it a score of at least {Judge.Right.ToString(System.Globalization.CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers)
    {
        double[] scores = new double[answers.Count];
        Task.Run(() => Parallel.ForAsync(
            0, answers.Count, new ParallelOptions { MaxDegreeOfParallelism = parallel },
            async (i, stop) => scores[i] = await ScoreAsync(answers[i], stop).ConfigureAwait(false))).GetAwaiter().GetResult();
        return scores;
    }

    private async Task<double> ScoreAsync(Answer answer, CancellationToken stop)
    {
        using Process process = ShellCommand.Start(command);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(timeout);
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None), error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await Write(process, ShellCommand.Request(answer)).WaitAsync(limit.Token).ConfigureAwait(false);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            string printed = await output.WaitAsync(limit.Token).ConfigureAwait(false), said = await error.WaitAsync(limit.Token).ConfigureAwait(false);
            return process.ExitCode == 0
                ? ShellCommand.Score(command, printed, said)
                : throw ShellCommand.Failure(command, $"ended with exit code {process.ExitCode} on the response '{Judge.Short(answer.Response)}'", said);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            ShellCommand.Kill(process);
            string said = await Task.WhenAny(error, Task.Delay(200, CancellationToken.None)).ConfigureAwait(false) == error ? await error.ConfigureAwait(false) : "";
            throw ShellCommand.Failure(command, FormattableString.Invariant($"took more than {timeout.TotalSeconds:0.##} s on the response '{Judge.Short(answer.Response)}' and was ended"), said);
        }
        finally
        {
            if (!process.HasExited) ShellCommand.Kill(process);
        }
    }

    private static async Task Write(Process process, string request)
    {
        try
        {
            await process.StandardInput.WriteLineAsync(request).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // A command need not read its input: what it prints, and its exit code, say whether that was meant.
        }
    }
}
