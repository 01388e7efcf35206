using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Tensors;

public class TensorTextTests
{
    [DeviceTheory, OnEveryDevice]
    public void A_tensor_in_print_is_its_shape_and_its_values(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.Record(device);
        Assert.Equal("(3) [1, -0.5, 0.33333]", $"{tape.Constant([1, -0.5f, 1 / 3f], new Shape(3))}");
        Assert.Equal("(2, 3)\n[[1, 2, 3],\n [4, 5, 6]]", $"{tape.Variable([1, 2, 3, 4, 5, 6], new Shape(2, 3))}");
        Assert.Equal("(2, 1, 2)\n[[[1, 2]],\n [[3, 4]]]", $"{tape.Constant([1, 2, 3, 4], new Shape(2, 1, 2))}");
        Assert.Equal("(2) [7, 8]", $"{tape.Ids([7, 8], new Shape(2))}");
        Assert.Equal("(1) [NaN]", $"{tape.Constant([float.NaN], new Shape(1))}");
        Assert.Equal("(0) []", $"{tape.Constant([], new Shape(0))}");
        Assert.Equal("model.norm.weight (2) [0, 0]", $"{new Parameter(device, "model.norm.weight", new Shape(2))}");
    }

    [Fact]
    public void A_large_tensor_shows_its_ends_in_every_dimension()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.NoGrad(device);
        Tensor x = tape.Constant([.. Enumerable.Range(0, 1_000_000).Select(i => (float)i)], new Shape(1_000_000));
        Assert.Equal("(1000000) [0, 1, 2, 3, 4, 5, 6, 7, …, 9.9999E+05, 9.9999E+05, 9.9999E+05, 1E+06, 1E+06, 1E+06, 1E+06, 1E+06]",
            $"{x}");
        string matrix = $"{x.Reshape(new Shape(1000, 1000))}";
        Assert.Equal(10, matrix.Split('\n').Length); // the shape, four rows, …, four rows
        Assert.StartsWith("(1000, 1000)\n[[0, 1, 2, 3, …, 996, 997, 998, 999],\n [1000, 1001,", matrix, StringComparison.Ordinal);
        Assert.True($"{x.Reshape(new Shape(10, 10, 100, 100))}".Length < 4000);
    }

    [Fact]
    public void What_holds_nothing_says_so()
    {
        using Device device = Device.Cpu(1);
        Tensor x;
        TokenIds ids;
        using (Tape tape = Tape.NoGrad(device)) (x, ids) = (tape.Constant([1], new Shape(1)), tape.Ids([1], new Shape(1)));
        Assert.Equal("(1) of a step that is over", $"{x}");
        Assert.Equal("(1) of a step that is over", $"{ids}");
        Assert.Equal("no tensor", $"{default(Tensor)}");
        Assert.Equal("no ids", $"{default(TokenIds)}");
    }
}
