using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// A kernel that computes items [start, end) of its output. It is a struct of pointers and sizes: its fields are the operands,
/// its <see cref="Run"/> is the formula. Items must be independent, so that the result does not depend on how the range is split.
/// </summary>
internal interface IKernel
{
    /// <summary>Computes output items start ≤ i &lt; end.</summary>
    void Run(int start, int end);
}

/// <summary>
/// The threads that kernels run on: the caller and <c>Threads − 1</c> workers that spin briefly and then park.
/// Work is split by output items and never by a reduction, so that results are bit-identical for every number of threads.
/// </summary>
internal sealed unsafe class Workers : IDisposable
{
    // How long a worker spins for the next job before it parks: long enough to bridge the gap between two kernels of a step,
    // short enough not to steal the core from somebody else.
    private static readonly long SpinTicks = Stopwatch.Frequency / 10_000; // 100 µs

    // In gate: the job accepts workers. The rest of the word counts those inside.
    private const int Open = 1 << 30;

    private readonly Thread[] threads;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] parked;
    private delegate*<void*, int, int, void> invoke;
    private void* kernel;
    private int items;
    private int grain;
    private Counters shared;
    private volatile bool stopping;
    private Exception? failure;

    // Each on its own pair of cache lines, so that taking a piece does not disturb those who spin.
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Counters
    {
        [FieldOffset(128)] public int Generation; // counts jobs; a change is the signal to start
        [FieldOffset(256)] public int Next;       // first item that nobody has taken
        [FieldOffset(384)] public int Gate;
    }

    /// <summary>Starts a pool of the given number of threads, the caller included.</summary>
    /// <exception cref="ArgumentOutOfRangeException">threads is less than 1.</exception>
    public Workers(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        this.threads = new Thread[threads - 1];
        wake = new SemaphoreSlim[threads - 1];
        parked = new int[threads - 1];
        for (int i = 0; i < this.threads.Length; i++)
        {
            int index = i;
            wake[i] = new SemaphoreSlim(0);
            this.threads[i] = new Thread(() => Work(index)) { IsBackground = true, Name = $"MiniTransformer worker {i + 1}" };
            this.threads[i].Start();
        }
    }

    /// <summary>Number of threads that share the work, the caller included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Computes items 0 ≤ i &lt; items. A thread takes <paramref name="grain"/> items at a time: choose it so that a piece is worth
    /// some microseconds. One caller at a time.
    /// </summary>
    public void Run<TKernel>(in TKernel kernel, int items, int grain = 1)
        where TKernel : unmanaged, IKernel
    {
        if (items <= 0) return;
        if (threads.Length == 0 || items <= grain)
        {
            kernel.Run(0, items);
            return;
        }

        fixed (TKernel* pointer = &kernel)
        {
            invoke = &Invoke<TKernel>;
            this.kernel = pointer;
            this.items = items;
            this.grain = grain;
            shared.Next = 0;
            Volatile.Write(ref shared.Gate, Open);
            Interlocked.Increment(ref shared.Generation);
            for (int i = 0; i < parked.Length; i++)
            {
                if (Volatile.Read(ref parked[i]) == 1 && Interlocked.Exchange(ref parked[i], 0) == 1) wake[i].Release();
            }

            // A worker that comes late, because it was parked or the machine is busy, finds the gate closed: nobody waits for it.
            TakePieces();
            Interlocked.And(ref shared.Gate, ~Open);
            SpinWait spin = default;
            while (Volatile.Read(ref shared.Gate) > 0) spin.SpinOnce(sleep1Threshold: -1);
            Exception? failed = failure;
            if (failed is not null)
            {
                failure = null;
                throw new AggregateException(failed);
            }
        }
    }

    /// <summary>Stops the workers. No kernel may be running.</summary>
    public void Dispose()
    {
        if (stopping) return;
        stopping = true;
        foreach (SemaphoreSlim s in wake) s.Release();
        foreach (Thread t in threads) t.Join();
        foreach (SemaphoreSlim s in wake) s.Dispose();
    }

    private static void Invoke<TKernel>(void* kernel, int start, int end)
        where TKernel : unmanaged, IKernel => Unsafe.AsRef<TKernel>(kernel).Run(start, end);

    private void TakePieces()
    {
        try
        {
            while (true)
            {
                int start = Interlocked.Add(ref shared.Next, grain) - grain;
                if (start >= items || start < 0) return;
                invoke(kernel, start, Math.Min(items, start + grain));
            }
        }
        catch (Exception e)
        {
            failure = e;
        }
    }

    private void Work(int index)
    {
        int seen = 0;
        while (true)
        {
            long start = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref shared.Generation) == seen && !stopping)
            {
                if (Stopwatch.GetTimestamp() - start < SpinTicks)
                {
                    Thread.SpinWait(1);
                    continue;
                }

                Volatile.Write(ref parked[index], 1);
                Thread.MemoryBarrier();
                if (Volatile.Read(ref shared.Generation) == seen && !stopping) wake[index].Wait();
                else if (Interlocked.Exchange(ref parked[index], 0) == 0) wake[index].Wait(); // a wake-up was sent meanwhile: take it
                start = Stopwatch.GetTimestamp();
            }

            if (stopping) return;
            seen = Volatile.Read(ref shared.Generation);
            if (!Enter()) continue;
            TakePieces();
            Interlocked.Decrement(ref shared.Gate);
        }
    }

    // Joins the current job, if it is still open. The operands are read only inside, and the caller changes them only when nobody is.
    private bool Enter()
    {
        while (true)
        {
            int gate = Volatile.Read(ref shared.Gate);
            if ((gate & Open) == 0) return false;
            if (Interlocked.CompareExchange(ref shared.Gate, gate + 1, gate) == gate) return true;
        }
    }
}
