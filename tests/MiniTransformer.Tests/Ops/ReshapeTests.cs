using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Ops;

public class ReshapeTests
{
    [DeviceTheory, OnEveryDevice]
    public void Values_and_gradient_pass_through_unchanged(string device) => OpCheck.Agrees(
        // fourth powers: gradients up to 60
        device, (_, x) => x[0].Square().Reshape(new Shape(3, 2, 4)).Square(), x => [.. x[0].Select(v => v * v * v * v)], 1e-5,
        OpCheck.Normal(new Shape(6, 4), seed: 1));

    [Fact]
    public void The_number_of_elements_must_stay()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[6], new Shape(2, 3));
        Assert.Equal("Reshape: (2, 3) has 6 elements, (4, 2) has 8.",
            Assert.Throws<ArgumentException>(() => x.Reshape(new Shape(4, 2))).Message);
    }
}
