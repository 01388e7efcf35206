using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

public class RmsNormTests
{
    [DeviceTheory]
    [OnEveryDevice(1, 0.5f)] // one channel: with a small ε the gradient would be the rounding of 1 − x²/ρ² alone
    [OnEveryDevice(20, 1e-6f)]
    [OnEveryDevice(37, 0.5f)]
    public void It_agrees_with_its_definition(string device, int c, float epsilon) => OpCheck.Agrees(
        // a square root and a division more
        device, (_, x) => x[0].RmsNorm(x[1], epsilon), x => RmsNormReference.Forward(x[0], x[1], c, epsilon), 4 * OpCheck.Few,
        OpCheck.Normal(new Shape(2, 3, c), seed: 1), OpCheck.Normal(new Shape(c), seed: 2));

    [Fact]
    public void The_weight_has_one_element_a_channel()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[6], new Shape(2, 3)), w = tape.Variable(new float[2], new Shape(2));
        Assert.Equal("RmsNorm: the weight has shape (2); (3) is needed.",
            Assert.Throws<ArgumentException>(() => x.RmsNorm(w, 1e-5f)).Message);
    }
}
