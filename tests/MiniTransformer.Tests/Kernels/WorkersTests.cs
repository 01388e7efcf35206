using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Tests.Kernels;

/// <summary>The worker pool computes every item once, whatever the timing.</summary>
public sealed unsafe class WorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Every_item_is_computed_exactly_once_in_each_of_many_jobs(int threads)
    {
        using Workers workers = new(threads);
        int* count = stackalloc int[257];
        for (int job = 1; job <= 5000; job++)
        {
            int items = 1 + (job * 31 % 257), grain = 1 + (job % 5);
            new Span<int>(count, 257).Clear();
            workers.Run(new CountItems(count), items, grain);
            for (int i = 0; i < 257; i++) Assert.Equal(i < items ? 1 : 0, count[i]);
            if (job % 1000 == 0) Thread.Sleep(2); // long enough for the workers to park
        }
    }

    [Fact]
    public void A_kernel_that_throws_fails_its_job_and_not_the_next_one()
    {
        using Workers workers = new(3);
        int* count = stackalloc int[100];
        new Span<int>(count, 100).Clear();
        Assert.ThrowsAny<Exception>(() => workers.Run(default(Throws), 100));
        workers.Run(new CountItems(count), 100);
        for (int i = 0; i < 100; i++) Assert.Equal(1, count[i]);
    }

    private readonly struct CountItems(int* count) : IKernel
    {
        public void Run(int start, int end)
        {
            for (int i = start; i < end; i++) Interlocked.Increment(ref count[i]);
        }
    }

    private readonly struct Throws : IKernel
    {
        public void Run(int start, int end)
        {
            if (start == 7) throw new InvalidOperationException("item 7");
        }
    }
}
