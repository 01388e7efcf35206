using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

public class DivergenceTests
{
    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(5)]
    [OnEveryDevice(67)]
    public void Divergence_and_entropy_agree_with_their_definitions(string device, int v)
    {
        // Sums of p · log p whose logarithms reach 10, each within 1e-6.
        GradientInput logits = OpCheck.Normal(new Shape(4, v), seed: 1, scale: 2),
            reference = OpCheck.Normal(new Shape(4, v), seed: 2, scale: 2);
        OpCheck.Agrees(
            device, (tape, x) => x[0].KlDivergence(tape.Constant(reference.Values, reference.Shape)),
            x => KlDivergenceReference.Forward(x[0], [.. reference.Values.Select(y => (double)y)], v), 1e-5, logits);
        OpCheck.Agrees(device, (_, x) => x[0].Entropy(), x => EntropyReference.Forward(x[0], v), 1e-5, logits);
    }

    [Fact]
    public void A_reference_that_takes_a_gradient_is_refused()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor a = tape.Variable(new float[4], new Shape(2, 2)), b = tape.Variable(new float[4], new Shape(2, 2));
        Assert.Contains("tape.Pause()", Assert.Throws<ArgumentException>(() => a.KlDivergence(b)).Message, StringComparison.Ordinal);
        Tensor c = tape.Constant(new float[6], new Shape(2, 3));
        Assert.Equal("KlDivergence: the shapes differ: (2, 2) and (2, 3).",
            Assert.Throws<ArgumentException>(() => a.KlDivergence(c)).Message);
    }
}
