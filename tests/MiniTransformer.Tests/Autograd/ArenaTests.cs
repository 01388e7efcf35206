using MiniTransformer.Backends;

namespace MiniTransformer.Tests.Autograd;

public class ArenaTests
{
    private const int Large = 1 << 24;

    [Fact]
    public void A_large_request_takes_what_it_needs_and_its_block_serves_the_next_step()
    {
        using Device device = Device.DryRun();
        using var arena = new Arena(device.Backend, device.Took);
        arena.Take(1000);
        long small = arena.Capacity;
        Arena.Mark mark = arena.Here;
        Storage first = arena.Take(Large), second = arena.Take(2 * Large);
        Assert.NotSame(first.Buffer, second.Buffer);
        Assert.Equal(small + 3 * Large, arena.Capacity);
        arena.Release(mark);
        Assert.Same(first.Buffer, arena.Take(Large).Buffer);
        arena.Reset();
        arena.Take(Large);
        arena.Take(3 * Large); // the second block gives way to a larger one
        Assert.Equal(small + 4 * Large, arena.Capacity);
        Assert.Equal(4 * (small + 4 * Large), device.PeakBytes);
        Assert.Equal(1008L + 3 * Large, Used());

        long Used()
        {
            using var other = new Arena(device.Backend);
            other.Take(1000);
            other.Take(Large);
            other.Take(2 * Large);
            return other.Peak;
        }
    }
}
