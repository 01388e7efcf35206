using System.Runtime.ExceptionServices;

namespace MiniTransformer.Cli.Runs;

/// <summary>Pieces of work on several threads: begun in their order, each as soon as what it needs is finished.</summary>
internal static class OrderedWork
{
    /// <summary>Runs all pieces. One that fails ends the others: their token is cancelled.</summary>
    /// <param name="work">The pieces; none needs one that comes after it.</param>
    /// <param name="needs">Whether the first piece can begin only when the second is finished.</param>
    /// <param name="threads">How many run at once.</param>
    /// <param name="run">Does one piece; ends early when its token is cancelled.</param>
    /// <param name="stop">Ends all.</param>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    /// <exception cref="Exception">The first failure.</exception>
    public static void Run<T>(IReadOnlyList<T> work, Func<T, T, bool> needs, int threads, Action<T, CancellationToken> run,
        CancellationToken stop)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var gate = new object();
        List<T> waiting = [.. work], running = [];
        Exception? failure = null;
        Thread[] workers = [.. Enumerable.Range(0, Math.Min(threads, work.Count)).Select(_ => new Thread(Work))];
        foreach (Thread worker in workers) worker.Start();
        foreach (Thread worker in workers) worker.Join();
        stop.ThrowIfCancellationRequested();
        if (failure is not null) ExceptionDispatchInfo.Throw(failure);

        void Work()
        {
            while (Take(out T piece))
            {
                try
                {
                    run(piece, ending.Token);
                }
                catch (OperationCanceledException) when (ending.IsCancellationRequested)
                {
                }
                catch (Exception e)
                {
                    Interlocked.CompareExchange(ref failure, e, null);
                    ending.Cancel();
                }

                lock (gate)
                {
                    running.Remove(piece);
                    Monitor.PulseAll(gate);
                }
            }
        }

        bool Take(out T piece)
        {
            lock (gate)
            {
                while (waiting.Count > 0 && !ending.IsCancellationRequested)
                {
                    int at = waiting.FindIndex(candidate => !waiting.Concat(running).Any(other => needs(candidate, other)));
                    if (at >= 0)
                    {
                        piece = waiting[at];
                        waiting.RemoveAt(at);
                        running.Add(piece);
                        return true;
                    }

                    Monitor.Wait(gate);
                }
            }

            piece = default!;
            return false;
        }
    }
}
