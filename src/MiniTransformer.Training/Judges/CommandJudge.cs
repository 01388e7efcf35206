using System.Globalization;
using System.Text;

namespace MiniTransformer.Judges;

/// <summary>
/// A command of the user's judges each response. It is started once a response, reads one JSON object on standard input,
/// {"prompt": …, "response": …} and, where the data has a right answer, "completion", and prints a score from 0 to 1, or true or false. A
/// few run at a time. A response on which it takes too long, fails, or prints something else scores 0, with a warning. Where starting takes
/// long, use <see cref="WorkerJudge"/>.
/// </summary>
/// <param name="command">What the shell is to run.</param>
/// <param name="options">How it is run.</param>
public sealed class CommandJudge(string command, JudgeOptions? options = null) : IJudge
{
    private readonly JudgeOptions options = options ?? new JudgeOptions();

    /// <inheritdoc/>
    public string Name => $"command:{command}";

    /// <inheritdoc/>
    public bool ComparesWithAnswer => false;

    /// <inheritdoc/>
    public string Description =>
        $"the command '{command}' gives it a score of at least {Judge.Right.ToString(CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public JudgeLog Log { get; } = new(options?.Warn);

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Answer> answers) => Ask(answers, (i, e) => Log.Fail(answers[i], e.Message));

    /// <inheritdoc/>
    public void Check(IReadOnlyList<Answer> golds) => Judge.CheckAsks(golds, Ask);

    private double[] Ask(IReadOnlyList<Answer> answers, Action<int, JudgeException> failed)
    {
        double[] scores = new double[answers.Count];
        int judged = 0, parallel = options.Parallel > 0 ? options.Parallel : Environment.ProcessorCount;
        Task.Run(() => Parallel.ForAsync(
            0, answers.Count, new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = options.Stop },
            async (i, stop) =>
            {
                try
                {
                    scores[i] = await ScoreAsync(answers[i], stop).ConfigureAwait(false);
                }
                catch (JudgeException e)
                {
                    failed(i, e);
                }

                options.Progress?.Invoke(Interlocked.Increment(ref judged), answers.Count);
            })).GetAwaiter().GetResult();
        return scores;
    }

    private async Task<double> ScoreAsync(Answer answer, CancellationToken stop)
    {
        using ShellProcess process = ShellProcess.Start(command);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(options.Timeout);
        string on = $"on the response '{Judge.Short(answer.Response)}'";
        try
        {
            Task write = Write(process, ShellCommand.Request(answer)), ended = process.WaitAsync(limit.Token);
            Task<string?> output = ReadOutput(process.Output);
            await Task.WhenAny(ended, output).ConfigureAwait(false);
            if (!(output.IsCompletedSuccessfully && output.Result is null))
            {
                await ended.ConfigureAwait(false);
                process.Kill(); // what it has left running would hold its output
            }

            string printed = await output.WaitAsync(limit.Token).ConfigureAwait(false)
                ?? throw ShellCommand.Failure(command, $"printed more than {ShellCommand.MostOutput} characters {on} and was ended",
                    process.Error);
            await write.WaitAsync(limit.Token).ConfigureAwait(false);
            string said = await process.AllError().ConfigureAwait(false);
            return process.ExitCode == 0
                ? ShellCommand.Score(command, printed, said)
                : throw ShellCommand.Failure(command, $"ended with exit code {process.ExitCode} {on}", said);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            process.Kill();
            throw ShellCommand.Failure(
                command, FormattableString.Invariant($"took more than {options.Timeout.TotalSeconds:0.##} s {on} and was ended"),
                await process.AllError().ConfigureAwait(false));
        }
    }

    // What it prints; null where it is more than a score could be.
    private static async Task<string?> ReadOutput(StreamReader output)
    {
        var printed = new StringBuilder();
        char[] buffer = new char[4096];
        try
        {
            for (int n; (n = await output.ReadAsync(buffer).ConfigureAwait(false)) > 0; printed.Append(buffer, 0, n))
            {
                if (printed.Length + n > ShellCommand.MostOutput) return null;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It has been ended.
        }

        return printed.ToString();
    }

    private static async Task Write(ShellProcess process, string request)
    {
        try
        {
            await process.Input.WriteLineAsync(request).ConfigureAwait(false);
            process.Input.Close();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // A command need not read its input: what it prints, and its exit code, say whether that was meant.
        }
    }
}
