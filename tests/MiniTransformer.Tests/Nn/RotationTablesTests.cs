using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Nn;

public class RotationTablesTests
{
    [Fact]
    public void A_model_of_a_hundred_million_positions_takes_the_memory_of_those_in_use()
    {
        using Device device = Device.Cpu(1);
        using Transformer small = Models.Random(device, Models.Odd, seed: 1),
            large = Models.Random(device, Models.Odd with { MaxPositions = 100_000_000 }, seed: 1);
        long before = device.PersistentBytes;
        int[] ids = Operand.Ids(2 * 30, Models.Odd.VocabSize, seed: 2);
        using Tape tape = Tape.NoGrad(device);
        float[] logits = large.Forward(tape.OfLength(ids, 30)).ToArray();

        Assert.Equal(small.Forward(tape.OfLength(ids, 30)).ToArray(), logits);
        Assert.InRange(device.PersistentBytes - before, 4, 4000); // two tables of (64, 3), and two of (40, 3)
    }

    [DeviceTheory]
    [OnEveryDevice]
    public void A_step_that_began_with_shorter_sequences_keeps_its_gradients_when_longer_ones_follow(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd with { MaxPositions = 300 }, seed: 3);
        float[][] alone = Gradients(grow: false);
        Assert.Equal(alone, Gradients(grow: true));

        float[][] Gradients(bool grow)
        {
            int[] ids = Operand.Ids(200, model.Config.VocabSize, seed: 4);
            foreach (Parameter p in model.Parameters) p.ZeroGradient();
            using Tape tape = Tape.Record(device);
            Tensor y = model.Forward(tape.OfLength(ids[..20], 10));
            Tensor loss = y.WeightedSum(tape.Constant(Operand.Normal(y.Shape.Count, seed: 5), y.Shape));
            if (grow) model.Forward(tape.OfLength(ids, 200));
            tape.Backward(loss);
            return model.Gradients();
        }
    }

    [Fact]
    public void Growing_changes_no_bit_of_what_a_sequence_computes()
    {
        using Device device = Device.Cpu(1);
        using Transformer grown = Models.Random(device, Models.Odd with { MaxPositions = 300 }, seed: 3),
            whole = Models.Random(device, Models.Odd with { MaxPositions = 300 }, seed: 3);
        int[] ids = Operand.Ids(300, 19, seed: 4);
        using Tape tape = Tape.NoGrad(device);
        foreach (int length in (int[])[5, 64, 65, 130]) grown.Forward(tape.OfLength(ids[..length], length));
        Assert.Equal(whole.Forward(tape.OfLength(ids, 300)).ToArray(), grown.Forward(tape.OfLength(ids, 300)).ToArray());
    }
}
