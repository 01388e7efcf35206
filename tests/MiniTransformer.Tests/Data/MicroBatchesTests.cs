using FsCheck.Xunit;
using MiniTransformer.Data;

namespace MiniTransformer.Tests.Data;

public class MicroBatchesTests
{
    [Property(MaxTest = 200)]
    public bool Pieces_hold_every_loss_token_of_the_whole_batch_once(byte[] lengths, byte size)
    {
        Example[] examples = lengths.Select((l, b) => new Example([1], Enumerable.Repeat(b, l % 4).ToArray())).ToArray();
        if (examples.All(e => e.ResponseIds.Length == 0)) return true;
        MicroBatches micro = new(examples, size % 5 + 1);
        ResponseBatch whole = new(examples);
        return micro.TokenCount == whole.N && micro.Pieces.SelectMany(p => p.Targets).SequenceEqual(whole.Targets) &&
            micro.Pieces.All(p => p.N > 0 && p.B <= size % 5 + 1);
    }

    [Fact]
    public void A_piece_without_loss_is_left_out_and_a_batch_without_loss_is_an_error()
    {
        Example silent = new([1], [], Source: "d:1"), loud = new([1], [2]);
        Assert.Equal(2, new MicroBatches([loud, silent, silent, loud], 1).Pieces.Count);
        Assert.Contains("d:1", Assert.Throws<DataException>(() => new MicroBatches([silent, silent], 1)).Message);
    }
}
