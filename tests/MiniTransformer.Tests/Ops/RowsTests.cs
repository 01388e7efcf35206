using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Ops;

public class RowsTests
{
    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(20)]
    [OnEveryDevice(70)]
    public void A_row_is_added_to_every_row(string device, int c) => OpCheck.Agrees(
        device, (_, x) => x[0].AddRow(x[1]), x => [.. x[0].Select((v, i) => v + x[1][i % c])], OpCheck.Few,
        OpCheck.Normal(new Shape(3, 5, c), seed: 1), OpCheck.Normal(new Shape(c), seed: 2));

    [DeviceTheory]
    [OnEveryDevice(2)]
    [OnEveryDevice(20)]
    [OnEveryDevice(37)]
    public void Centring_takes_each_row_s_mean_away(string device, int c) => OpCheck.Agrees(
        device, (_, x) => x[0].Centre(), x => [.. x[0].Chunk(c).SelectMany(row => row.Select(v => v - row.Average()))], OpCheck.Few,
        OpCheck.Normal(new Shape(2, 3, c), seed: 1));

    [DeviceTheory]
    [OnEveryDevice(20)]
    [OnEveryDevice(37)]
    public void Centring_then_the_RMS_norm_and_a_row_are_the_layer_norm(string device, int c) => OpCheck.Agrees(
        device, (_, x) => x[0].Centre().RmsNorm(x[1], 0.1f).AddRow(x[2]), x => [.. x[0].Chunk(c).SelectMany(row =>
        {
            double mean = row.Average(), deviation = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + 0.1f);
            return row.Select((v, i) => x[1][i] * (v - mean) / deviation + x[2][i]);
        })],
        6 * OpCheck.Few, OpCheck.Normal(new Shape(2, 3, c), seed: 1), OpCheck.Normal(new Shape(c), seed: 2),
        OpCheck.Normal(new Shape(c), seed: 3));

    [Fact]
    public void A_row_of_another_length_is_an_error_that_says_what_is_needed()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[6], new Shape(2, 3)), b = tape.Variable(new float[2], new Shape(2));
        Assert.Equal("AddRow: the row has shape (2); (3) is needed.", Assert.Throws<ArgumentException>(() => x.AddRow(b)).Message);
    }
}
