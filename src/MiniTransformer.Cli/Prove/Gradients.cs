using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>Values with their gradients by all parameters, through the whole transformer.</summary>
internal static class Gradients
{
    /// <summary>A loss per response token and its gradient, parameter by parameter.</summary>
    public static (double Value, float[][] Gradient) Of(Transformer policy, ResponseBatch batch, Loss loss)
    {
        foreach (Parameter p in policy.Parameters) p.ZeroGradient();
        using Tape tape = Tape.Record(policy.Device);
        Tensor value = loss(tape, policy.Rows(tape, batch), batch, 1f / batch.N);
        tape.Backward(value);
        float[][] gradient = [.. policy.Parameters.Where(p => p.Trainable).Select(p => p.GradientToArray())];
        foreach (Parameter p in policy.Parameters) p.ZeroGradient();
        return (value.Item(), gradient);
    }

    /// <summary>⟨a, b⟩ over all parameters.</summary>
    public static double Dot(float[][] a, float[][] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            for (int j = 0; j < a[i].Length; j++) sum += (double)a[i][j] * b[i][j];
        return sum;
    }

    /// <summary>‖a‖₂.</summary>
    public static double Norm(float[][] a) => Math.Sqrt(Dot(a, a));

    /// <summary>a − b.</summary>
    public static float[][] Difference(float[][] a, float[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (u, v) => u - v).ToArray())];

    /// <summary>
    /// The larger of ‖a − b‖₂ / ‖scale‖₂ and ‖a − b‖∞ / ‖scale‖∞, the scale being a itself, but at least a hundredth of
    /// <paramref name="terms"/>, from whose cancellation a results.
    /// </summary>
    public static double Error(float[][] a, float[][] b, float[][] terms)
    {
        float[][] difference = Difference(a, b);
        return Math.Max(
            Relative(Norm(difference), Norm(a), Norm(terms)),
            Relative(Largest(difference), Largest(a), Largest(terms)));
    }

    /// <summary>
    /// error / max(size, terms / 100). A policy that is nearly certain has a loss and a gradient near 0, the difference of terms that are
    /// not:
    /// rounding is relative to them.
    /// </summary>
    public static double Relative(double error, double size, double terms) => error / Math.Max(size, 0.01 * terms);

    private static double Largest(float[][] a) => a.Max(x => x.Length == 0 ? 0 : x.Max(v => (double)Math.Abs(v)));
}
