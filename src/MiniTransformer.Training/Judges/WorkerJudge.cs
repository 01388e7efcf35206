using System.Collections.Concurrent;
using System.Globalization;

namespace MiniTransformer.Judges;

/// <summary>
/// A long-lived command of the user's judges responses: it reads one JSON object a line, as <see cref="CommandJudge"/>'s does, with a
/// "number" besides, and prints one line for each until its input ends: the number and the score, "17 0.5" or {"number": 17, "score": 0.5},
/// or the score alone. It has to flush its output after every line. A few run at a time, each on responses of its own. Lines with another
/// number, and lines that are no score, are passed over. A response on which it takes too long, ends or prints no score scores 0, with a
/// warning, and another worker takes its place. Where a worker prints a score too many without numbers, its responses are judged again,
/// each by a process of its own.
/// </summary>
/// <param name="command">What the shell is to run.</param>
/// <param name="options">How it is run.</param>
public sealed class WorkerJudge(string command, JudgeOptions? options = null) : IJudge
{
    private readonly JudgeOptions options = options ?? new JudgeOptions();
    private readonly ConcurrentBag<JudgeWorker> idle = [];
    private int outOfStep;

    /// <inheritdoc/>
    public string Name => $"worker:{command}";

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

    /// <summary>Ends the workers.</summary>
    public void Dispose()
    {
        while (idle.TryTake(out JudgeWorker? worker)) worker.Dispose();
    }

    private double[] Ask(IReadOnlyList<Answer> answers, Action<int, JudgeException> failed)
    {
        double[] scores = new double[answers.Count];
        int next = -1, judged = 0, parallel = options.Parallel > 0 ? options.Parallel : Environment.ProcessorCount;
        Task.Run(() =>
            Parallel.ForAsync(0, Math.Min(parallel, answers.Count),
                new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = options.Stop }, Lane)).GetAwaiter()
                    .GetResult();
        return scores;

        // One worker's responses.
        async ValueTask Lane(int lane, CancellationToken stop)
        {
            var asked = new List<int>();
            JudgeWorker? worker = null;
            try
            {
                for (int i; (i = Interlocked.Increment(ref next)) < answers.Count;
                options.Progress?.Invoke(Interlocked.Increment(ref judged), answers.Count))
                {
                    asked.Add(i);
                    if (outOfStep > 0)
                    {
                        await Judge(i, () => Alone(answers[i], stop)).ConfigureAwait(false);
                        continue;
                    }

                    try
                    {
                        worker ??= idle.TryTake(out JudgeWorker? waiting) ? waiting : new JudgeWorker(command);
                        scores[i] = await Patient(answers[i]).ConfigureAwait(false);
                    }
                    catch (JudgeException e)
                    {
                        worker?.Dispose();
                        worker = null;
                        failed(i, e);
                    }
                    catch (JudgeWorker.OutOfStepException)
                    {
                        await Again().ConfigureAwait(false);
                    }
                }

                if (worker is not null && !await worker.InStep().ConfigureAwait(false)) await Again().ConfigureAwait(false);
                if (worker is not null) idle.Add(worker);
                worker = null;
            }
            finally
            {
                worker?.Dispose();
            }

            // A worker that has ended may have had enough of earlier responses: the next one is asked the same once.
            async Task<double> Patient(Answer answer)
            {
                for (int attempt = 0; ; attempt++)
                {
                    try
                    {
                        return await worker!.Ask(answer, options.Timeout, stop).ConfigureAwait(false);
                    }
                    catch (JudgeWorker.EndedException e) when (attempt > 0)
                    {
                        throw (JudgeException)e.InnerException!;
                    }
                    catch (JudgeWorker.EndedException)
                    {
                        worker!.Dispose();
                        worker = new JudgeWorker(command);
                    }
                }
            }

            async Task Again()
            {
                worker?.Dispose();
                worker = null;
                if (Interlocked.Increment(ref outOfStep) == 1)
                {
                    Log.Warn($"the verifier's command '{command}' printed more scores than it was asked for, so that it cannot be told "
                        + "which are whose. Its responses are judged again, each by a "
                        + "process of its own. Let it print the number of the question before the score, or nothing but one score a line");
                }

                foreach (int i in asked) await Judge(i, () => Alone(answers[i], stop)).ConfigureAwait(false);
            }
        }

        async Task Judge(int i, Func<Task<double>> ask)
        {
            try
            {
                scores[i] = await ask().ConfigureAwait(false);
            }
            catch (JudgeException e)
            {
                scores[i] = 0;
                failed(i, e);
            }
        }
    }

    // One response, one process: what it prints until it ends has to hold one score.
    private async Task<double> Alone(Answer answer, CancellationToken stop)
    {
        using var worker = new JudgeWorker(command);
        try
        {
            double score = await worker.Ask(answer, options.Timeout, stop, alone: true).ConfigureAwait(false);
            return await worker.Only(score).ConfigureAwait(false)
                ?? throw ShellCommand.Failure(command, $"printed two scores on the response '{Judge.Short(answer.Response)}'", "");
        }
        catch (JudgeWorker.EndedException e)
        {
            throw (JudgeException)e.InnerException!;
        }
    }
}
