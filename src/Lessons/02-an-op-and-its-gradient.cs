// Lesson 2: an op and its gradient check.
// An op is two functions: one computes a result, the other takes the result's gradient back to the operands. That they belong together
// is not to be believed but to be checked, against difference quotients of the first.
#:project ../MiniTransformer/MiniTransformer.csproj
using System.Numerics;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

using var device = Device.Cpu(threads: 1);
var x = new GradientInput([0.5f, -1, 2], new Shape(3));
var w = new GradientInput([1, 2, 3, -1, 0.5f, 1], new Shape(2, 3));

// ---- the shortest own op: a function of one number and its derivative, in a struct. It runs on every device (lesson 13) ----
GradientDifference d = GradientCheck.Largest(device, (_, t) => t[0].Map<Softplus>("Softplus").Sum(), x);
Console.WriteLine($"softplus: largest error {(d.Error < GradientCheck.Tolerance ? "within" : "beyond")} {GradientCheck.Tolerance}");

// ---- an op of several operands: y = |W x|², written with the backend's verbs ----
GradientCheck.Check(device, (_, t) => t[0].EnergyOf(t[1]), x, w);   // throws if a gradient is wrong
using (Tape tape = Tape.Record(device))
{
    Tensor at = tape.Variable(x.Values, x.Shape), y = at.EnergyOf(tape.Constant(w.Values, w.Shape));
    tape.Backward(y);
    Console.WriteLine($"|W x|² = {y.Item()}, its slope by x [{string.Join(", ", at.GradToArray())}]");
}

// ---- a wrong derivative is found, and where ----
d = GradientCheck.Largest(device, (_, t) => t[0].Map<CubeWithAWrongSlope>("Cube").Sum(), x);
Console.WriteLine($"cube: element {d.Element}: the backward half says {d.Backward}, the difference quotient {d.Numeric:F2}");

// y = ln(1 + eˣ), y′ = σ(x): scalar for GPUs, vectors for the CPU.
readonly struct Softplus : IUnaryOp
{
    public static float Forward(float x) => MathF.Log(1f + MathF.Exp(x));
    public static Vector<float> Forward(Vector<float> x) => VectorMath.Log(Vector<float>.One + VectorMath.Exp(x));
    public static float Derivative(float x, float y) => 1f / (1f + MathF.Exp(-x));
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => VectorMath.Sigmoid(x);
}

readonly struct CubeWithAWrongSlope : IUnaryOp
{
    public static float Forward(float x) => x * x * x;
    public static Vector<float> Forward(Vector<float> x) => x * x * x;
    public static float Derivative(float x, float y) => 2 * x * x;                          // it is 3x²
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => 2 * x * x;
}

static class Energy
{
    public static Tensor EnergyOf(this Tensor x, Tensor w)
    {
        (int m, int n) = (w.Shape[0], w.Shape[1]);
        Tape tape = Tape.Of("EnergyOf", x, w);
        Tensor y = tape.New(new Shape(1), x, w);                        // takes a gradient if x or w does
        Storage z = tape.Scratch(m);                                    // z = W x, kept for the way back
        tape.Backend.MatMul(GemmForm.NT, x.Storage, w.Storage, z, 1, m, n, accumulate: false);
        tape.Backend.Dot(z, z, y.Storage);                              // y = ⟨z, z⟩
        tape.Record(new Backward(tape, x, w, y, z));
        return y;
    }

    // dz = 2 dy z,   dx += Wᵀ dz,   dW += dz xᵀ: gradients are added to, for x may be used elsewhere, too.
    private readonly struct Backward(Tape tape, Tensor x, Tensor w, Tensor y, Storage z) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            (int m, int n) = (w.Shape[0], w.Shape[1]);
            Storage dz = tape.Scratch(m);
            backend.Fill(dz, 0);
            backend.DotBackward(y.GradStorage, 2, z, dz);
            if (x.NeedsGrad) backend.MatMul(GemmForm.NN, dz, w.Storage, x.GradStorage, 1, n, m, accumulate: true);
            if (w.NeedsGrad) backend.MatMul(GemmForm.TN, dz, x.Storage, w.GradStorage, m, n, 1, accumulate: true);
        }
    }
}
