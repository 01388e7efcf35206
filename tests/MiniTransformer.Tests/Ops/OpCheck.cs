using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

/// <summary>
/// What is claimed of every op, against its definition in double precision: the forward pass equals it; the gradient of ⟨dy, y⟩ equals its
/// central differences; used twice, an op adds twice the gradient; and an input's gradient is the same to the last bit
/// when the other inputs take none.
/// </summary>
internal static class OpCheck
{
    /// <summary>Roundings of a short chain of float operations on numbers near 1 (one is 6e-8), relative to the largest element.</summary>
    public const double Few = 2e-6;

    public static void Agrees(
        string deviceName, Func<Tape, Tensor[], Tensor> op, Func<double[][], double[]> definition, double tolerance,
        params GradientInput[] inputs)
    {
        using Device device = Devices.Open(deviceName);
        double[][] at = [.. inputs.Select(x => x.Values.Doubles())];
        double[] expected = definition(at);
        float[] dy = Operand.Normal(expected.Length, seed: 99);

        (float[] y, float[][] once) = Run(device, op, dy, inputs, uses: 1, only: null);
        Close(expected, y, tolerance);
        (_, float[][] twice) = Run(device, op, dy, inputs, uses: 2, only: null);
        for (int i = 0; i < inputs.Length; i++)
        {
            int input = i;
            double[] gradient = CentralDifference.Gradient(x =>
                definition([.. at.Select((v, j) => j == input ? x : v)]), at[i], dy.Doubles());
            Close(gradient, once[i], tolerance);
            Close([.. gradient.Select(g => 2 * g)], twice[i], tolerance);
            (_, float[][] alone) = Run(device, op, dy, inputs, uses: 1, only: i);
            Operand.Identical(once[i], alone[i]);
        }
    }

    public static GradientInput Normal(Shape shape, ulong seed, double scale = 1) => new(Operand.Normal(shape.Count, seed, scale), shape);

    // |actual − expected| ≤ tolerance · max(1, the largest |expected|): an element near 0 is a difference of terms of that size.
    public static void Close(double[] expected, float[] actual, double tolerance) =>
        Operand.Close(expected, actual, tolerance, floor: Math.Max(1, expected.Max(Math.Abs)));

    private static (float[] Y, float[][] Gradients) Run(
        Device device, Func<Tape, Tensor[], Tensor> op, float[] dy, GradientInput[] inputs, int uses, int? only)
    {
        using Tape tape = Tape.Record(device);
        Tensor[] x = [.. inputs.Select((v, i) =>
            only is null || only == i ? tape.Variable(v.Values, v.Shape) : tape.Constant(v.Values, v.Shape))];
        Tensor y = op(tape, x), weights = tape.Constant(dy, y.Shape), loss = y.WeightedSum(weights);
        for (int use = 1; use < uses; use++) loss += op(tape, x).WeightedSum(weights);
        tape.Backward(loss);
        return (y.ToArray(), [.. x.Select(v => v.NeedsGrad ? v.GradToArray() : [])]);
    }
}
