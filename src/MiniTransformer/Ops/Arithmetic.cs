using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>
/// The ops: functions of tensors, each with its gradient beside it. <see cref="Compositions"/> has the fused ones once more, from
/// primitive ones.
/// </summary>
// This file: arithmetic of two tensors of one shape, or of a tensor and a number, element by element.
public static partial class TensorOps
{
    /// <summary>Operators on tensors.</summary>
    extension(Tensor)
    {
        /// <summary>a + b, element by element.</summary>
        public static Tensor operator +(Tensor a, Tensor b) => Zip<Add>(a, b, "Add");

        /// <summary>a − b, element by element.</summary>
        public static Tensor operator -(Tensor a, Tensor b) => Zip<Subtract>(a, b, "Subtract");

        /// <summary>a · b, element by element.</summary>
        public static Tensor operator *(Tensor a, Tensor b) => Zip<Multiply>(a, b, "Multiply");

        /// <summary>a / b, element by element.</summary>
        public static Tensor operator /(Tensor a, Tensor b) => Zip<Divide>(a, b, "Divide");

        /// <summary>−x.</summary>
        public static Tensor operator -(Tensor x) => Scale(x, -1);

        /// <summary>x + β.</summary>
        public static Tensor operator +(Tensor x, float beta) => Affine(x, 1, beta);

        /// <summary>β + x.</summary>
        public static Tensor operator +(float beta, Tensor x) => Affine(x, 1, beta);

        /// <summary>x − β.</summary>
        public static Tensor operator -(Tensor x, float beta) => Affine(x, 1, -beta);

        /// <summary>β − x.</summary>
        public static Tensor operator -(float beta, Tensor x) => Affine(x, -1, beta);

        /// <summary>α · x.</summary>
        public static Tensor operator *(float alpha, Tensor x) => Scale(x, alpha);

        /// <summary>x · α.</summary>
        public static Tensor operator *(Tensor x, float alpha) => Scale(x, alpha);

        /// <summary>x / α, as x · (1/α): for an α that is no power of two it may differ from a division in the last bit.</summary>
        public static Tensor operator /(Tensor x, float alpha) => Scale(x, 1 / alpha);

        /// <summary>α / x.</summary>
        public static Tensor operator /(float alpha, Tensor x) => Tape.Of("Divide", x).Constant(alpha, x.Shape) / x;
    }

    /// <summary>SwiGLU's product: silu(gate) · up. From parts: <see cref="Compositions.SwiGlu"/>.</summary>
    public static Tensor SiluMultiply(this Tensor gate, Tensor up) => Zip<SiluMultiply>(gate, up, "SiluMultiply");

    /// <summary>
    /// GeGLU's product: gelu(gate) · up, GELU in its approximation by tanh. From parts: <see cref="Compositions.GeGlu"/>.
    /// </summary>
    public static Tensor GeluMultiply(this Tensor gate, Tensor up) => Zip<GeluMultiply>(gate, up, "GeluMultiply");

    /// <summary>α · x.</summary>
    public static Tensor Scale(this Tensor x, float alpha)
    {
        Tape tape = Tape.Of("Scale", x);
        Tensor y = tape.New(x.Shape, x);
        tape.Backend.Scale(x.Storage, alpha, y.Storage);
        tape.Record(new ScaleBackward(x, y, alpha));
        return y;
    }

    /// <summary>α · x + β.</summary>
    public static Tensor Affine(this Tensor x, float alpha, float beta) => Affine(Tape.Of("Affine", x), x, alpha, beta);

    // Of an operand that may be a parameter, on the step that goes on with it.
    internal static Tensor Affine(Tape tape, Tensor x, float alpha, float beta)
    {
        Tensor y = tape.New(x.Shape, x);
        tape.Backend.Fill(y.Storage, beta);
        tape.Backend.AddScaled(x.Storage, alpha, y.Storage);
        tape.Record(new ScaleBackward(x, y, alpha));
        return y;
    }

    /// <summary>f(a, b) for any operator struct.</summary>
    public static Tensor Zip<TOp>(this Tensor a, Tensor b, string name)
        where TOp : unmanaged, IBinaryOp
    {
        ShapeCheck.Same(name, a, b);
        Tape tape = Tape.Of(name, a, b);
        Tensor y = tape.New(a.Shape, a, b);
        tape.Backend.Zip<TOp>(a.Storage, b.Storage, y.Storage);
        tape.Record(new ZipBackward<TOp>(a, b, y));
        return y;
    }

    private readonly struct ScaleBackward(Tensor x, Tensor y, float alpha) : IBackward
    {
        public Tensor Output => y;

        // dx += α dy
        public void Run(IBackend backend) => backend.AddScaled(y.GradStorage, alpha, x.GradStorage);
    }

    // da += dy · ∂f/∂a,   db += dy · ∂f/∂b
    private readonly struct ZipBackward<TOp>(Tensor a, Tensor b, Tensor y) : IBackward
        where TOp : unmanaged, IBinaryOp
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.ZipBackward<TOp>(a.Storage, b.Storage, y.GradStorage, a.GradStorage, b.GradStorage);
    }
}
