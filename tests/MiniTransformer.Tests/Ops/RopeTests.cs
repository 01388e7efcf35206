using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

public class RopeTests
{
    [DeviceTheory]
    [OnEveryDevice(2, 10_000f)]
    [OnEveryDevice(6, 10_000f)]
    [OnEveryDevice(20, 500_000f)]
    public void It_agrees_with_its_definition(string device, int d, float theta)
    {
        const int h = 3, context = 40;
        int[] positions = [0, 1, 39, 7, 7, 12];
        (float[] cos, float[] sin) = TensorOps.RopeTables(context, RotaryScaling.Frequencies(d, theta, scaling: null));
        var tables = new Shape(context, d / 2);

        // Angles up to 39 whose frequency is rounded to float: 39 · 6e-8 = 2.3e-6, on elements up to 3.
        OpCheck.Agrees(
            device, (tape, x) => x[0].Rope(tape.Ids(positions, new Shape(6)), tape.Constant(cos, tables), tape.Constant(sin, tables)),
            x => RopeReference.Forward(x[0], positions, h, d, theta), 1e-5, OpCheck.Normal(new Shape(2, 3, h, d), seed: 1));
    }

    [Fact]
    public void Shapes_and_positions_are_checked()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[16], new Shape(2, 2, 4)), table = tape.Constant(new float[6], new Shape(3, 2)),
            narrow = tape.Constant(new float[3], new Shape(3, 1));
        TokenIds good = tape.Ids([0, 2], new Shape(2)), late = tape.Ids([0, 3], new Shape(2)), three = tape.Ids([0, 1, 2], new Shape(3));
        x.Rope(good, table, table);
        Assert.Equal("Rope: position 3 came; they run from 0 to 2.",
            Assert.Throws<ArgumentException>(() => x.Rope(late, table, table)).Message);
        Assert.Equal("Rope: 2 tokens, but 3 positions came.", Assert.Throws<ArgumentException>(() => x.Rope(three, table, table)).Message);
        Assert.Equal(
            "Rope: tables (3, 1) and (3, 1) do not fit heads of 4; (positions, 2) is needed.",
            Assert.Throws<ArgumentException>(() => x.Rope(good, narrow, narrow)).Message);
    }
}
