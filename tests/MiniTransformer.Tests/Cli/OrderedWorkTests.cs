using System.Collections.Concurrent;
using MiniTransformer.Cli.Runs;

namespace MiniTransformer.Tests.Cli;

/// <summary>Work on several threads: in order, nothing before what it needs, and one failure ends the others.</summary>
public class OrderedWorkTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Fact]
    public void One_thread_takes_the_pieces_in_their_order()
    {
        List<int> seen = [];
        OrderedWork.Run([3, 1, 2], (_, _) => false, 1, (piece, _) => seen.Add(piece), CancellationToken.None);
        Assert.Equal([3, 1, 2], seen);
    }

    [Fact]
    public void A_piece_begins_when_what_it_needs_is_finished_and_not_before()
    {
        // 10 needs 1 and 20 needs 2: 20 begins while 1 still runs, 10 only after it.
        var finished = new ConcurrentQueue<int>();
        using var second = new ManualResetEventSlim();
        OrderedWork.Run(
            [1, 2, 10, 20], (piece, other) => piece == other * 10, 2,
            (piece, _) =>
            {
                if (piece == 1) Assert.True(second.Wait(Long), "20 did not begin while 1 was running");
                if (piece == 10) Assert.Contains(1, finished);
                if (piece == 20) second.Set();
                finished.Enqueue(piece);
            },
            CancellationToken.None);
        Assert.Equal([1, 2, 10, 20], finished.Order());
        Assert.Equal(2, finished.First());
    }

    [Fact]
    public void A_failure_ends_the_pieces_that_run_begins_no_other_and_is_what_comes_out()
    {
        using var running = new ManualResetEventSlim();
        bool ended = false;
        List<int> begun = [];
        var e = Assert.Throws<IOException>(() => OrderedWork.Run(
            [1, 2, 3], (_, _) => false, 2,
            (piece, ending) =>
            {
                lock (begun) begun.Add(piece);
                if (piece == 1)
                {
                    Assert.True(running.Wait(Long));
                    throw new IOException("the disk is full");
                }

                running.Set();
                ended = ending.WaitHandle.WaitOne(Long);
                ending.ThrowIfCancellationRequested();
            },
            CancellationToken.None));
        Assert.Equal("the disk is full", e.Message);
        Assert.True(ended);
        Assert.Equal([1, 2], begun.Order());
    }

    [Fact]
    public void A_failure_ends_the_threads_that_wait_for_it()
    {
        using var waiting = new ManualResetEventSlim();
        Assert.Throws<IOException>(() => OrderedWork.Run(
            [1, 2], (piece, other) => piece == 2 && other == 1, 2,
            (piece, _) =>
            {
                if (piece == 2) waiting.Set();
                throw new IOException();
            },
            CancellationToken.None));
        Assert.False(waiting.IsSet);
    }

    [Fact]
    public void A_stop_ends_all_and_is_told_apart_from_a_failure()
    {
        using var stop = new CancellationTokenSource();
        int begun = 0;
        Assert.Throws<OperationCanceledException>(() => OrderedWork.Run(
            [1, 2, 3], (_, _) => false, 1,
            (_, ending) =>
            {
                begun++;
                stop.Cancel();
                ending.ThrowIfCancellationRequested();
            },
            stop.Token));
        Assert.Equal(1, begun);
    }
}
