using FsCheck.Xunit;
using MiniTransformer.Data;

namespace MiniTransformer.Tests.Data;

public class BatchOrderTests
{
    [Property(MaxTest = 200)]
    public bool Every_epoch_visits_each_example_once(byte count, byte batchSize, ulong seed, byte epoch, bool inOrder)
    {
        BatchOrder order = new(count + 1, seed, inOrder);
        int size = batchSize % 40 + 1;
        long steps = order.StepsPerEpoch(size), first = epoch * steps;
        int[][] batches = Enumerable.Range(0, (int)steps).Select(i => order.IndicesOf(first + i, size)).ToArray();
        return batches.SelectMany(b => b).Order().SequenceEqual(Enumerable.Range(0, count + 1)) &&
            batches.SkipLast(1).All(b => b.Length == size) && batches[^1].Length == (count + 1 - 1) % size + 1;
    }

    [Fact]
    public void A_resumed_run_sees_the_batches_of_the_uninterrupted_one()
    {
        BatchOrder uninterrupted = new(37, seed: 5);
        int[][] batches = Enumerable.Range(0, 60).Select(step => uninterrupted.IndicesOf(step, 8)).ToArray();
        for (int step = 59; step >= 0; step -= 7) Assert.Equal(batches[step], new BatchOrder(37, seed: 5).IndicesOf(step, 8));
    }

    [Fact]
    public void Epochs_and_seeds_have_orders_of_their_own()
    {
        BatchOrder order = new(50, seed: 1);
        Assert.NotEqual(order.IndicesOf(0, 50), order.IndicesOf(1, 50));
        Assert.NotEqual(order.IndicesOf(0, 50), new BatchOrder(50, seed: 2).IndicesOf(0, 50));
        Assert.NotEqual(Enumerable.Range(0, 50), order.IndicesOf(0, 50));
    }

    [Fact]
    public void Data_can_be_taken_in_its_own_order_and_the_last_batch_is_short()
    {
        BatchOrder order = new(5, seed: 1, inOrder: true);
        Assert.Equal([[0, 1], [2, 3], [4], [0, 1]], Enumerable.Range(0, 4).Select(step => order.IndicesOf(step, 2)));
    }
}
