using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>The state after a response that was cut off is not terminal: r_Q of its last token takes its value.</summary>
public class CutOffTests
{
    private static readonly EndTokens Ends = new(Toy.End, 7);

    [DeviceTheory, OnEveryDevice]
    public void R_Q_of_a_token_does_not_depend_on_whether_the_response_is_cut_off_after_it(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Toy.Model(device, 1), other = Toy.Model(device, 2);
        Example whole = new([0, 3, 4], [4, 3, 5, 6, Toy.End]);
        TokenScores all = TokenCredit.Score(model, [], new ResponseBatch([whole]), ends: Ends);
        Assert.Equal((true, 0f), (all.Ends.Ended[0], all.Ends.FinalValue[0]));
        for (int t = 1; t < whole.ResponseIds.Length; t++)
        {
            // Beside one that ends, so that both kinds meet in a batch.
            var batch = new ResponseBatch([whole, whole with { ResponseIds = whole.ResponseIds[..t] }, new Example([3], [])]);
            TokenScores cut = TokenCredit.Score(model, [], batch, ends: Ends);
            Assert.Equal([true, false, true], cut.Ends.Ended);
            Devices.Agree(name, [all.Value[t]], [cut.Ends.FinalValue[1]]);
            Devices.Agree(name, all.RQ[..t], cut.RQ[batch.Starts[1]..]);
            Devices.Agree(name, cut.RQ, new DenseReward(model, other).Recover(batch, Ends).RQ);
        }
    }

    [Fact]
    public void Any_of_several_end_tokens_ends_a_response_and_without_one_the_data_say_where_it_ends()
    {
        using Device device = Device.Cpu(1);
        using Transformer silent = Toy.Model(device), named = new(Toy.Config with { Ends = Ends }, ParameterSource.Random(device, 1));
        var batch = new ResponseBatch([new Example([0], [3, 7]), new Example([0], [3, Toy.End]), new Example([0], [3])]);
        Assert.Equal([true, true, false], TokenCredit.Score(named, [], batch).Ends.Ended);
        TokenScores unnamed = TokenCredit.Score(silent, [], batch);
        Assert.Equal([true, true, true], unnamed.Ends.Ended);
        Assert.Equal([0f, 0f, 0f], unnamed.Ends.FinalValue);
    }

    [Fact]
    public void Where_the_context_is_full_the_value_is_not_known_and_not_0()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Toy.Model(device);
        int positions = Toy.Config.MaxPositions;
        Example Of(int tokens) => new([0, 3], [.. Enumerable.Repeat(4, tokens)]);
        TokenScores scores = TokenCredit.Score(model, [], new ResponseBatch([Of(positions - 1), Of(positions - 2)]), ends: Ends);
        Assert.Equal([false, false], scores.Ends.Ended);
        Assert.True(float.IsNaN(scores.Ends.FinalValue[0]) && float.IsNaN(scores.RQ[positions - 2]));
        Assert.True(float.IsFinite(scores.Ends.FinalValue[1]) && scores.RQ.Count(float.IsNaN) == 1);
    }
}
