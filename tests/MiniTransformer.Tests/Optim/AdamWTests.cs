using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Optim;

public class AdamWTests
{
    private static readonly Shape Matrix = new(7, 5), Vector = new(9);

    [DeviceTheory, OnEveryDevice]
    public void Twenty_updates_follow_the_definition_in_double(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter w = Parameter(device, Matrix, seed: 1), norm = Parameter(device, Vector, seed: 2);
        var options = new AdamWOptions { WeightDecay = 0.1f, ClipNorm = 2 };
        using var optimizer = new AdamW([w, norm], options);
        double[][] p = [w.ToArray().Doubles(), norm.ToArray().Doubles()], m = [new double[35], new double[9]],
            v = [new double[35], new double[9]];
        for (int t = 1; t <= 20; t++)
        {
            float[][] g = [Operand.Normal(35, seed: (ulong)t, scale: 0.1 * t), Operand.Normal(9, seed: (ulong)(100 + t))];
            SetGradient(device, (w, g[0]), (norm, g[1]));
            double rate = 1e-2 / t, size = Math.Sqrt(g.Sum(x => x.Sum(y => (double)y * y))), clip = Math.Min(1, 2 / size);
            Assert.Equal(size, optimizer.Step(rate), 1e-6 * size);
            for (int k = 0; k < 2; k++)
            {
                for (int i = 0; i < p[k].Length; i++)
                {
                    (p[k][i], m[k][i], v[k][i]) = AdamWReference.Step(
                        p[k][i], clip * g[k][i], m[k][i], v[k][i], rate, options.Beta1, options.Beta2, options.Epsilon,
                        k == 0 ? options.WeightDecay : 0, t);
                }
            }
        }

        // Twenty steps of at most 1e-2, each with a handful of roundings of 6e-8 on numbers near 1.
        Operand.Close(p[0], w.ToArray(), 2e-6);
        Operand.Close(p[1], norm.ToArray(), 2e-6);
    }

    [DeviceTheory, OnEveryDevice]
    public void Decay_shrinks_matrices_and_leaves_norms_alone(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter w = Parameter(device, Matrix, seed: 1), norm = Parameter(device, Vector, seed: 2);
        float[] before = w.ToArray(), normBefore = norm.ToArray();
        using var optimizer = new AdamW([w, norm], new AdamWOptions { WeightDecay = 0.5f });
        optimizer.Step(0.1); // no gradient: decay alone
        Operand.Close([.. before.Select(x => x * (1 - 0.1 * 0.5))], w.ToArray(), 1e-6);
        Assert.Equal(normBefore, norm.ToArray());
    }

    [DeviceTheory, OnEveryDevice]
    public void Clipping_scales_all_gradients_by_one_factor_to_the_global_norm(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter a = Parameter(device, new Shape(1), seed: 1), b = Parameter(device, new Shape(1), seed: 2);
        foreach ((float clip, float factor) in ((float, float)[])[(1, 0.2f), (2.5f, 0.5f), (5, 1), (6, 1), (0, 1)])
        {
            using var optimizer = new AdamW([a, b], new AdamWOptions { ClipNorm = clip, Beta1 = 0.5f });
            SetGradient(device, (a, [3f]), (b, [-4f]));
            Assert.Equal(5.0, optimizer.Step(0)); // √(9 + 16), before clipping

            // After one update m = (1 − β₁) g: here half the clipped gradient.
            float[] m = [.. optimizer.State().Where(s => s.Name.StartsWith("adamw.m.", StringComparison.Ordinal)).Select(s => s.Values[0])];
            Assert.Equal(1.5f * factor, m[0], 1e-6f);
            Assert.Equal(-2f * factor, m[1], 1e-6f);
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void A_step_clears_the_gradient(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter w = Parameter(device, Matrix, seed: 1);
        using var optimizer = new AdamW([w]);
        SetGradient(device, (w, Operand.Normal(35, seed: 3)));
        optimizer.Step(1e-3);
        Assert.All(w.GradientToArray(), g => Assert.Equal(0f, g));
        Assert.Equal(0, optimizer.GradientNorm());
    }

    [DeviceTheory]
    [OnEveryDevice(float.NaN)]
    [OnEveryDevice(float.PositiveInfinity)]
    public void A_gradient_that_is_not_finite_is_an_error_and_changes_nothing(string name, float bad)
    {
        using Device device = Devices.Open(name);
        using Parameter w = Parameter(device, Matrix, seed: 1), norm = Parameter(device, Vector, seed: 2);
        using var optimizer = new AdamW([w, norm]);
        float[] before = w.ToArray(), g = new float[9];
        g[8] = bad;
        SetGradient(device, (w, Operand.Normal(35, seed: 3)), (norm, g));
        string message = Assert.Throws<ArithmeticException>(() => optimizer.Step(1e-3)).Message;
        Assert.Contains("at update 1", message, StringComparison.Ordinal);
        Assert.Equal(before, w.ToArray());
        Assert.Equal(0, optimizer.Updates);
        Assert.All(optimizer.State(), s => Assert.All(s.Values, x => Assert.Equal(0f, x)));
    }

    [DeviceTheory, OnEveryDevice]
    public void A_restored_state_continues_to_the_last_bit(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter w = Parameter(device, Matrix, seed: 1), copy = Parameter(device, Matrix, seed: 1);
        using AdamW whole = new([w]), first = new([copy]), second = new([copy]);
        for (int t = 0; t < 6; t++)
        {
            float[] g = Operand.Normal(35, seed: (ulong)t);
            SetGradient(device, (w, g));
            whole.Step(1e-2);
            SetGradient(device, (copy, g));
            if (t == 3)
            {
                Dictionary<string, float[]> saved = first.State().ToDictionary(s => s.Name, s => s.Values);
                second.Restore(first.Updates, (key, values) => saved[key].CopyTo(values, 0));
            }

            (t < 3 ? first : second).Step(1e-2);
        }

        Operand.Identical(w.ToArray(), copy.ToArray());
    }

    [Fact]
    public void Frozen_parameters_are_not_trained()
    {
        using Device device = Device.Cpu(1);
        using Parameter w = Parameter(device, Matrix, seed: 1), frozen = Parameter(device, Matrix, seed: 2);
        frozen.Trainable = false;
        float[] before = frozen.ToArray();
        using var optimizer = new AdamW([w, frozen], new AdamWOptions { WeightDecay = 1 });
        optimizer.Step(0.1);
        Assert.Equal(before, frozen.ToArray());
        Assert.Contains("Clone(trainable: true)", Assert.Throws<ArgumentException>(() => new AdamW([frozen])).Message,
            StringComparison.Ordinal);
    }

    private static Parameter Parameter(Device device, Shape shape, ulong seed)
    {
        var p = new Parameter(device, $"p{seed}", shape);
        p.Set(Operand.Normal(shape.Count, seed));
        return p;
    }

    // d⟨g, p⟩/dp = g
    private static void SetGradient(Device device, params (Parameter Parameter, float[] Gradient)[] gradients)
    {
        foreach ((Parameter p, float[] g) in gradients)
        {
            p.ZeroGradient();
            using Tape tape = Tape.Record(device);
            tape.Backward(p.Tensor.WeightedSum(tape.Constant(g, p.Shape)));
        }
    }
}
