using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Root-mean-square normalisation (B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019).
public static partial class TensorOps
{
    /// <summary>yᵢ = wᵢ xᵢ / ρ, ρ = √(mean(x²) + ε) over each row of C channels. From parts: <see cref="Compositions.RmsNorm"/>.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="w">(C).</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static Tensor RmsNorm(this Tensor x, Tensor w, float epsilon)
    {
        int c = x.Shape.Last, rows = x.Shape.Rows;
        ShapeCheck.Is("RmsNorm", "the weight", w, new Shape(c));
        ShapeCheck.SameDevice("RmsNorm", x, w);
        Tape tape = Tape.Of("RmsNorm", x, w);
        Tensor y = tape.New(x.Shape, x, w);
        Storage inverseRms = tape.Scratch(rows);
        tape.Backend.RmsNorm(x.Storage, w.Storage, y.Storage, inverseRms, rows, c, epsilon);
        tape.Record(new RmsNormBackward(x, w, y, inverseRms, rows, c));
        return y;
    }

    /// <summary>yᵢ = (1 + wᵢ) xᵢ / ρ, as Gemma has it: its weights are around 0. The gradient of 1 + w is that of w.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="w">(C).</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static Tensor RmsNormOnePlus(this Tensor x, Tensor w, float epsilon) =>
        x.RmsNorm(TensorOps.Affine(Tape.Of("RmsNormOnePlus", x, w), w, 1, 1), epsilon);

    // dxᵢ += (wᵢ dyᵢ − xᵢ ⟨w⊙dy, x⟩ / (C ρ²)) / ρ       dwᵢ += Σ_rows dyᵢ xᵢ / ρ       saved: 1/ρ per row
    private readonly struct RmsNormBackward(Tensor x, Tensor w, Tensor y, Storage inverseRms, int rows, int c) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) =>
            backend.RmsNormBackward(x.Storage, w.Storage, inverseRms, y.GradStorage, x.GradStorage, w.GradStorage, rows, c);
    }
}
