using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

public class LogSoftmaxTests
{
    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(5)]
    [OnEveryDevice(67)]
    public void Log_probability_soft_value_and_chosen_logit_agree_with_their_definitions(string device, int v)
    {
        int[] ids = [v - 1, 0, v / 2, v - 1];
        GradientInput logits = OpCheck.Normal(new Shape(4, v), seed: 1, scale: 3);
        OpCheck.Agrees(device, (tape, x) => x[0].GatherLogSoftmax(tape.Ids(ids, new Shape(4))), x =>
            LogSoftmaxReference.Gather(x[0], ids, v), OpCheck.Few, logits);
        OpCheck.Agrees(device, (_, x) => x[0].LogSumExp(), x => LogSoftmaxReference.LogSumExp(x[0], v), OpCheck.Few, logits);
        OpCheck.Agrees(device, (tape, x) => x[0].Gather(tape.Ids(ids, new Shape(4))), x =>
            [.. ids.Select((id, r) => x[0][r * v + id])], OpCheck.Few, logits);
    }

    [DeviceTheory, OnEveryDevice]
    public void A_forbidden_token_takes_no_gradient_and_makes_no_NaN(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.Record(device);
        Tensor logits = tape.Variable([1f, float.NegativeInfinity, 2f], new Shape(1, 3));
        Tensor logProb = logits.GatherLogSoftmax(tape.Ids([2], new Shape(1)));
        tape.Backward(logProb.Sum());
        Assert.Equal(-Math.Log(1 + Math.Exp(-1)), logProb.Item(), 1e-6);
        float[] gradient = logits.GradToArray();
        Assert.Equal(0f, gradient[1]);
        Assert.Equal(-gradient[2], gradient[0], 1e-6);
    }

    [Fact]
    public void Ids_are_checked_for_number_and_range()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor logits = tape.Variable(new float[6], new Shape(2, 3));
        TokenIds one = tape.Ids([0], new Shape(1)), outside = tape.Ids([0, 3], new Shape(2));
        Assert.Equal(
            "GatherLogSoftmax: (2, 3) has 2 rows, but 1 ids came; one id a row is needed.",
            Assert.Throws<ArgumentException>(() => logits.GatherLogSoftmax(one)).Message);
        Assert.Equal("GatherLogSoftmax: token id 3 came; they run from 0 to 2.",
            Assert.Throws<ArgumentException>(() => logits.GatherLogSoftmax(outside)).Message);
        Assert.Equal("Gather: token id 3 came; they run from 0 to 2.",
            Assert.Throws<ArgumentException>(() => logits.Gather(outside)).Message);
    }
}
