// Lesson 13: the same struct on a GPU.
// A function of one number is a struct with its formula, twice: for vectors, which the CPU runs, and for one number, from which ILGPU
// makes a kernel for CUDA or OpenCL. Ops and gradients do not know where they run. (Without a GPU this lesson runs on the CPU alone.)
#:project ../MiniTransformer/MiniTransformer.csproj
using System.Diagnostics;
using System.Numerics;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Backends.Gpu;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

const int n = 1 << 20;
var rng = new Rng(seed: 1);
float[] x = [.. Enumerable.Range(0, n).Select(_ => (float)(3 * rng.NextNormal()))];
double[] value = [.. x.Select(v => v * Math.Tanh(Math.Log(1 + Math.Exp(v))))];   // mish(x) = x tanh(ln(1 + eˣ)), in double

foreach (string name in (string[])["cpu", .. GpuContext.Shared.Devices.Select(d => d.Specification)])
{
    using Device device = Device.Open(name);
    using Tape tape = Tape.Record(device);
    Tensor at = tape.Variable(x, new Shape(n)), y = at.Map<Mish>("Mish");
    tape.Backward(y.Sum());
    double error = y.ToArray().Zip(value, (a, e) => Math.Abs(a - e) / Math.Max(1, Math.Abs(e))).Max();
    string mark = name == "cpu" ? "" : "~ ";
    Console.WriteLine($"{mark}{name}: within 1e-5 of the definition: {error < 1e-5}; the slope at {x[0]:F3} is {at.GradToArray()[0]:F4}");
    // The check of lesson 2, where the numbers are.
    GradientCheck.Check(device, (_, t) => t[0].Map<Mish>("Mish").Square().Sum(), new GradientInput([-2, -0.5f, 0, 3], new Shape(4)));
    Console.WriteLine($"{mark}{name}: the gradient check passes");
    Console.WriteLine($"~ {name}: {device.Name}, {Speed(at):F1} billion elements a second, both ways");
}

if (GpuContext.Shared.Devices.Count == 0) Console.WriteLine("~ no GPU here");

double Speed(Tensor at)
{
    double best = double.MaxValue;
    for (int repeat = 0; repeat < 5; repeat++)
    {
        using Tape tape = Tape.Record(at.Owner.Device);
        Tensor input = tape.Variable(x, new Shape(n));
        long start = Stopwatch.GetTimestamp();
        Tensor sum = input.Map<Mish>("Mish").Sum();
        tape.Backward(sum);
        sum.Item();                                         // kernels run in a queue: asking for a number waits for it
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
    return n / best / 1e9;
}

// With u = eˣ and w = u (u + 2):  tanh(ln(1 + u)) = w / (w + 2) = t,  mish = x t,  mish′ = t + 4 x u (1 + u) / (w + 2)².
// Beyond x = 20 t is 1 to the last bit, and u² must not overflow: the exponent is bounded.
readonly struct Mish : IUnaryOp
{
    public static float Forward(float x)
    {
        float u = MathF.Exp(x < 20f ? x : 20f), w = u * (u + 2f);
        return x * (w / (w + 2f));
    }

    public static float Derivative(float x, float y)
    {
        float u = MathF.Exp(x < 20f ? x : 20f), w = u * (u + 2f), d = 1f / (w + 2f);
        return w * d + 4f * x * u * d * ((1f + u) * d);
    }

    public static Vector<float> Forward(Vector<float> x)
    {
        Vector<float> u = VectorMath.Exp(Vector.Min(x, Vector.Create(20f))), w = u * (u + Vector.Create(2f));
        return x * (w / (w + Vector.Create(2f)));
    }

    public static Vector<float> Derivative(Vector<float> x, Vector<float> y)
    {
        Vector<float> two = Vector.Create(2f), u = VectorMath.Exp(Vector.Min(x, Vector.Create(20f))), w = u * (u + two);
        Vector<float> d = Vector<float>.One / (w + two);
        return w * d + two * two * x * u * d * ((Vector<float>.One + u) * d);
    }
}
