using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Functions of each element alone: y = f(x), dx += dy · f′(x).
public static partial class TensorOps
{
    /// <summary>eˣ.</summary>
    public static Tensor Exp(this Tensor x) => Map<Exp>(x, "Exp");

    /// <summary>Natural logarithm.</summary>
    public static Tensor Log(this Tensor x) => Map<Log>(x, "Log");

    /// <summary>σ(x) = 1 / (1 + e⁻ˣ).</summary>
    public static Tensor Sigmoid(this Tensor x) => Map<Sigmoid>(x, "Sigmoid");

    /// <summary>x · σ(x).</summary>
    public static Tensor Silu(this Tensor x) => Map<Silu>(x, "Silu");

    /// <summary>GELU in its approximation by tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).</summary>
    public static Tensor Gelu(this Tensor x) => Map<Gelu>(x, "Gelu");

    /// <summary>√x.</summary>
    public static Tensor Sqrt(this Tensor x) => Map<Sqrt>(x, "Sqrt");

    /// <summary>x².</summary>
    public static Tensor Square(this Tensor x) => Map<Square>(x, "Square");

    /// <summary>y = f(x) for any operator struct: one's own function is one small struct.</summary>
    public static Tensor Map<TOp>(this Tensor x, string name)
        where TOp : unmanaged, IUnaryOp
    {
        Tape tape = Tape.Of(name, x);
        Tensor y = tape.New(x.Shape, x);
        tape.Backend.Map<TOp>(x.Storage, y.Storage);
        tape.Record(new MapBackward<TOp>(x, y));
        return y;
    }

    private readonly struct MapBackward<TOp>(Tensor x, Tensor y) : IBackward
        where TOp : unmanaged, IUnaryOp
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.MapBackward<TOp>(x.Storage, y.Storage, y.GradStorage, x.GradStorage);
    }
}
