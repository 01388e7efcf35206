using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>Arithmetic of two tensors of one shape, element by element, and scaling by a number.</summary>
public static class Arithmetic
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

        /// <summary>α · x.</summary>
        public static Tensor operator *(float alpha, Tensor x) => Scale(x, alpha);
    }

    /// <summary>SwiGLU's product: silu(gate) · up.</summary>
    public static Tensor SiluMultiply(this Tensor gate, Tensor up) => Zip<SiluMultiply>(gate, up, "SiluMultiply");

    /// <summary>GeGLU's product: gelu(gate) · up, GELU in its approximation by tanh.</summary>
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
