using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Autograd;

/// <summary>Frozen parameters share their memory: what one of them does is right for the others, too.</summary>
public class ParameterTests
{
    private static readonly Shape Weight = new(6, 8);

    [DeviceTheory, OnEveryDevice]
    public void The_layout_for_few_rows_is_that_of_the_value_whoever_shared_it_before(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter trained = New(device, seed: 1), other = New(device, seed: 2);
        Parameter first = trained.Frozen(); // the value's first version, as the copy that it is
        Linear(device, first);              // which is laid out
        using Parameter second = first.Frozen();
        first.Dispose();
        second.CopyFrom(other);             // the only one left, written in place
        Assert.Equal(Linear(device, other), Linear(device, second));
    }

    [DeviceTheory, OnEveryDevice]
    public void Freeing_a_parameter_twice_leaves_those_that_share_its_value_alone(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter trained = New(device, seed: 1);
        Parameter first = trained.Frozen();
        using Parameter second = first.Frozen();
        long before = device.PersistentBytes;
        first.Dispose();
        first.Dispose();
        Assert.Equal(before, device.PersistentBytes);
        Assert.Equal(trained.ToArray(), second.ToArray());
    }

    private static Parameter New(Device device, ulong seed)
    {
        var parameter = new Parameter(device, "weight", Weight);
        parameter.Set(Operand.Normal(Weight.Count, seed));
        return parameter;
    }

    private static float[] Linear(Device device, Parameter weight)
    {
        using Tape tape = Tape.NoGrad(device);
        return tape.Constant(Operand.Normal(16, seed: 3), new Shape(2, 8)).Linear(weight).ToArray();
    }
}
