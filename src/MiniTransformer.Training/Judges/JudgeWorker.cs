using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace MiniTransformer.Judges;

/// <summary>
/// One worker: a question a line, an answer a line. An answer that carries its question's number, "17 0.5" or {"number": 17, "score": 0.5},
/// cannot be taken for another's. Of a worker that prints scores alone, lines that are no score are passed over, and a score too many shows
/// that it is out of step.
/// </summary>
internal sealed class JudgeWorker : IDisposable
{
    // Lines that wait to be read; a worker that prints more is held up by its pipe.
    private const int MostWaiting = 64;

    private readonly string command;
    private readonly ShellProcess process;
    private readonly Channel<string> lines = Channel.CreateBounded<string>(MostWaiting);
    private readonly CancellationTokenSource ended = new();
    private readonly List<string> surplus = [];
    private int number;
    private bool numbered, flooded;
    private double longest;

    /// <summary>Starts a worker.</summary>
    public JudgeWorker(string command)
    {
        this.command = command;
        process = ShellProcess.Start(command);
        _ = Task.Run(ReadLines);
    }

    /// <summary>A worker is out of step: it has printed a score that no question is left for.</summary>
    public sealed class OutOfStepException : Exception;

    /// <summary>The worker has ended, or closed its output: perhaps because of earlier questions.</summary>
    public sealed class EndedException(JudgeException failure) : Exception(failure.Message, failure);

    /// <summary>Asks about one response.</summary>
    /// <exception cref="JudgeException">It gave no score in time; the worker is of no more use.</exception>
    /// <exception cref="OutOfStepException">It is out of step.</exception>
    /// <exception cref="EndedException">It has ended.</exception>
    public async Task<double> Ask(Answer answer, TimeSpan timeout, CancellationToken stop, bool alone = false)
    {
        while (lines.Reader.TryRead(out string? waiting))
        {
            if (!numbered && number > 0 && IsAnswer(waiting)) throw new OutOfStepException();
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(timeout);
        number++;
        long begin = System.Diagnostics.Stopwatch.GetTimestamp();
        string? stray = null;
        try
        {
            await Write(ShellCommand.Request(answer, number), alone).WaitAsync(limit.Token).ConfigureAwait(false);
            while (true)
            {
                string line = await lines.Reader.ReadAsync(limit.Token).ConfigureAwait(false);
                if (Numbered(line) is { } echo)
                {
                    if (echo.Number == number || numbered) numbered = true;
                    else if (echo.Number < number) throw new OutOfStepException(); // that question was thought to be answered
                    if (echo.Number != number) continue;
                    return Took(ShellCommand.Score(command, echo.Score, process.Error));
                }

                if (!numbered && ShellCommand.ScoreOf(line) is { } score) return Took(score);
                stray = line;
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw ShellCommand.Failure(
                command,
                FormattableString.Invariant(
                    $"gave no score within {timeout.TotalSeconds:0.##} s on the response '{Judge.Short(answer.Response)}' ")
                + (stray is null
                    ? "(does it flush its output after every line?)"
                    : $"(it printed '{Judge.Short(stray)}'; a number from 0 to 1 is needed, or true or false)"),
                process.Error);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or ChannelClosedException)
        {
            JudgeException failure = flooded
                ? ShellCommand.Failure(command,
                    $"printed a line of more than {ShellCommand.MostOutput} characters on the response '{Judge.Short(answer.Response)}'",
                    process.Error)
                : ShellCommand.Failure(
                    command,
                    (process.Wait(1000) ? $"ended with exit code {process.ExitCode}" : "closed its output") + " before it had judged the "
                        + $"response '{Judge.Short(answer.Response)}'; a worker reads until its input ends",
                    await process.AllError().ConfigureAwait(false));
            if (flooded) throw failure;
            throw new EndedException(failure);
        }

        double Took(double score)
        {
            longest = Math.Max(longest, System.Diagnostics.Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            return score;
        }
    }

    /// <summary>
    /// The score of the only question, if nothing but it was printed, or it with its number; null where it is not known which it is.
    /// </summary>
    public async Task<double?> Only(double score)
    {
        if (await InStep().ConfigureAwait(false)) return score;
        var rest = new List<string>(surplus);
        while (lines.Reader.TryRead(out string? line)) rest.Add(line);
        return rest.Select(Numbered).FirstOrDefault(echo => echo?.Number == number) is { } own ? ShellCommand.ScoreOf(own.Score) : null;
    }

    /// <summary>Whether no score comes that no question is left for; it waits for about as long as an answer took.</summary>
    public async Task<bool> InStep()
    {
        if (numbered) return true;
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Clamp(2 * longest, 50, 1000)));
        try
        {
            while (await lines.Reader.WaitToReadAsync(limit.Token).ConfigureAwait(false))
            {
                while (lines.Reader.TryRead(out string? line))
                {
                    if (!IsAnswer(line)) continue;
                    surplus.Add(line);
                    return false;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Nothing came.
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ended.Cancel();
        process.Dispose();
        ended.Dispose();
    }

    private static bool IsAnswer(string line) => ShellCommand.ScoreOf(line) is not null || Numbered(line) is not null;

    // "17 0.5", "17: 0.5", "17<tab>0.5" or {"number": 17, "score": 0.5}
    private static (int Number, string Score)? Numbered(string line)
    {
        string text = line.Trim();
        if (text.StartsWith('{'))
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(text);
                return json.RootElement.TryGetProperty("number", out JsonElement n) && n.TryGetInt32(out int of)
                    && json.RootElement.TryGetProperty("score", out JsonElement score)
                    ? (of, score.ToString())
                    : null;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return null;
            }
        }

        int end = text.IndexOfAny([' ', '\t', ':']);
        return end > 0 && int.TryParse(text.AsSpan(0, end), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? (number, text[(end + 1)..])
            : null;
    }

    private async Task Write(string request, bool alone)
    {
        await process.Input.WriteLineAsync(request).ConfigureAwait(false);
        await process.Input.FlushAsync().ConfigureAwait(false);
        if (alone) process.Input.Close();
    }

    private async Task ReadLines()
    {
        var line = new StringBuilder();
        char[] buffer = new char[4096];
        try
        {
            for (int n; (n = await process.Output.ReadAsync(buffer, ended.Token).ConfigureAwait(false)) > 0;)
            {
                for (int i = 0; i < n; i++)
                {
                    if (buffer[i] != '\n')
                    {
                        line.Append(buffer[i]);
                        continue;
                    }

                    await lines.Writer.WriteAsync(line.ToString(), ended.Token).ConfigureAwait(false);
                    line.Clear();
                }

                if (line.Length <= ShellCommand.MostOutput) continue;
                flooded = true;
                break;
            }

            if (!flooded && line.Length > 0) await lines.Writer.WriteAsync(line.ToString(), ended.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // It has been ended.
        }

        lines.Writer.TryComplete();
    }
}
