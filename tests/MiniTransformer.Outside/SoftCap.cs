using System.Numerics;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace Outside;

/// <summary>An own op from verbs and an own pointwise function: it runs on every device.</summary>
public static class SoftCapOps
{
    /// <summary>y = c · tanh(x / c): x where it is small, never beyond ±c (as Gemma 2 has it for logits).</summary>
    public static Tensor SoftCap(this Tensor x, float c)
    {
        Tape tape = Tape.Of("SoftCap", x);
        Tensor y = tape.New(x.Shape, x);
        Storage tanh = tape.Scratch(x.Shape.Count);
        tape.Backend.Scale(x.Storage, 1 / c, tanh);
        tape.Backend.Map<Tanh>(tanh, tanh);
        tape.Backend.Scale(tanh, c, y.Storage);
        tape.Record(new SoftCapBackward(tape, x, y, tanh));
        return y;
    }

    /// <summary>The same from the library's ops, to check it with.</summary>
    public static Tensor Composed(Tensor x, float c) => c * (2 * (2 / c * x).Sigmoid() - 1);

    // dx += (1 − tanh²(x / c)) dy       saved: the tanh
    private readonly struct SoftCapBackward(Tape tape, Tensor x, Tensor y, Storage tanh) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            Storage product = tape.Scratch(tanh.Length);
            backend.Zip<TimesSlopeOfTanh>(y.GradStorage, tanh, product);
            backend.AddScaled(product, 1, x.GradStorage);
        }
    }

    /// <summary>tanh x = 1 − 2 / (e²ˣ + 1), from the exponential alone, so that GPUs compile it.</summary>
    private readonly struct Tanh : IUnaryOp
    {
        public static float Forward(float x) => 1f - 2f / (MathF.Exp(2f * x) + 1f);

        public static Vector<float> Forward(Vector<float> x) =>
            Vector<float>.One - Vector.Create(2f) / (VectorMath.Exp(x + x) + Vector<float>.One);

        public static float Derivative(float x, float y) => 1f - y * y;

        public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector<float>.One - y * y;
    }

    /// <summary>a (1 − b²): the slope of tanh where b is its value.</summary>
    private readonly struct TimesSlopeOfTanh : IBinaryOp
    {
        public static float Forward(float a, float b) => a * (1f - b * b);

        public static Vector<float> Forward(Vector<float> a, Vector<float> b) => a * (Vector<float>.One - b * b);

        public static float DerivativeA(float a, float b) => 1f - b * b;

        public static Vector<float> DerivativeA(Vector<float> a, Vector<float> b) => Vector<float>.One - b * b;

        public static float DerivativeB(float a, float b) => -2f * a * b;

        public static Vector<float> DerivativeB(Vector<float> a, Vector<float> b) => Vector.Create(-2f) * a * b;
    }
}
