using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

/// <summary>An input of <see cref="GradientCheck"/>: the point to differentiate at.</summary>
/// <param name="Values">Its elements, row by row.</param>
/// <param name="Shape">Its extents.</param>
public sealed record GradientInput(float[] Values, Shape Shape);

/// <summary>Where the gradient of the backward pass and the numerical one differ most.</summary>
/// <param name="Input">The number of the input.</param>
/// <param name="Element">The element in it.</param>
/// <param name="Backward">The backward pass's derivative.</param>
/// <param name="Numeric">The difference quotient.</param>
/// <param name="Error">|Backward − Numeric| divided by the largest of 1, |f| and the derivatives.</param>
public readonly record struct GradientDifference(int Input, int Element, float Backward, double Numeric, double Error);

/// <summary>Checks a backward pass, such as that of one's own op, against difference quotients of its forward pass.</summary>
/// <remarks>
/// f is computed in float32, so the step must be large and the quotient of high order:
/// <code>
/// f′(x) ≈ (8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h,   h = 1/32
/// </code>
/// Its truncation error is h⁴ f⁽⁵⁾/30, 3e-8 f⁽⁵⁾; the rounding of f, 6e-8 |f| for each operation that does not average out, is
/// divided by h and becomes about 3e-6 |f|. Hence <see cref="Tolerance"/>, for functions that are smooth within 2h of the point.
/// </remarks>
public static class GradientCheck
{
    /// <summary>1e-4: thirty roundings of f over the step, and still a thousandth of what a wrong sign or factor makes.</summary>
    public const double Tolerance = 1e-4;

    private const float H = 1f / 32;

    /// <summary>The largest difference over all elements of all inputs.</summary>
    /// <param name="device">Where to compute.</param>
    /// <param name="f">A function of tensors whose result has one element; it is called about four times per element.</param>
    /// <param name="inputs">The point.</param>
    public static GradientDifference Largest(Device device, Func<Tape, Tensor[], Tensor> f, params GradientInput[] inputs)
    {
        float[][] at = [.. inputs.Select(x => (float[])x.Values.Clone())], gradients;
        double scale;
        using (Tape tape = Tape.Record(device))
        {
            Tensor[] x = Variables(tape);
            Tensor y = f(tape, x);
            tape.Backward(y);
            gradients = [.. x.Select(v => v.GradToArray())];
            scale = Math.Max(1, Math.Abs(y.Item()));
        }

        double[][] numeric = [.. at.Select((x, i) => x.Select((_, j) => Quotient(i, j)).ToArray())];
        foreach (double[] g in numeric) foreach (double d in g) scale = Math.Max(scale, Math.Abs(d));
        GradientDifference worst = default;
        for (int i = 0; i < at.Length; i++)
        {
            for (int j = 0; j < at[i].Length; j++)
            {
                double error = Math.Abs(gradients[i][j] - numeric[i][j]) / scale;
                if (!(error <= worst.Error))
                {
                    worst = new(i, j, gradients[i][j], numeric[i][j], double.IsNaN(error) ? double.PositiveInfinity : error);
                }
            }
        }

        return worst;

        Tensor[] Variables(Tape tape) => [.. at.Select((v, i) => tape.Variable(v, inputs[i].Shape))];

        double Quotient(int i, int j)
        {
            double Moved(float step)
            {
                at[i][j] = inputs[i].Values[j] + step;
                using Tape tape = Tape.NoGrad(device);
                return f(tape, Variables(tape)).Item();
            }

            double derivative = (8 * (Moved(H) - Moved(-H)) - (Moved(2 * H) - Moved(-2 * H))) / (12 * H);
            at[i][j] = inputs[i].Values[j];
            return derivative;
        }
    }

    /// <summary>Throws if the backward pass and the difference quotients differ by more than the tolerance.</summary>
    /// <exception cref="ArithmeticException">They do; the message names the element and both values.</exception>
    public static void Check(Device device, Func<Tape, Tensor[], Tensor> f, params GradientInput[] inputs)
    {
        GradientDifference d = Largest(device, f, inputs);
        if (d.Error > Tolerance)
        {
            throw new ArithmeticException(
                $"GradientCheck: input {d.Input}, element {d.Element}: the backward pass gives {d.Backward:G6}, the difference quotient "
                    + $"{d.Numeric:G6}; " +
                $"error {d.Error:E1}, allowed {Tolerance:E1}.");
        }
    }
}
