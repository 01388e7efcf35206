using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Rotary position embedding (J. Su et al., "RoFormer", 2021), in the pairing of Hugging Face's Llama.
public static partial class TensorOps
{
    /// <summary>
    /// Rotates the pairs (xᵢ, xᵢ₊D/2) of each head by the angle p·θ^(−2i/D) of the token's position p:
    /// yᵢ = xᵢ cos − xᵢ₊D/2 sin, yᵢ₊D/2 = xᵢ₊D/2 cos + xᵢ sin.
    /// </summary>
    /// <param name="x">(.., H, D).</param>
    /// <param name="positions">One position for each of x's tokens.</param>
    /// <param name="cos">Cosines of the angles, (positions, D/2); see <see cref="RopeTables"/>.</param>
    /// <param name="sin">Sines of the angles, (positions, D/2).</param>
    public static Tensor Rope(this Tensor x, TokenIds positions, Tensor cos, Tensor sin)
    {
        if (x.Shape.Rank < 3) throw new ArgumentException($"Rope: x has shape {x.Shape}; (N, H, D) or (B, T, H, D) is needed.");
        int d = x.Shape.Last, h = x.Shape[x.Shape.Rank - 2], rows = x.Shape.Count / Math.Max(1, h * d);
        if (cos.Shape != sin.Shape || cos.Shape.Last * 2 != d)
            throw new ArgumentException(
                $"Rope: tables {cos.Shape} and {sin.Shape} do not fit heads of {d}; (positions, {d / 2}) is needed.");
        if (positions.Shape.Count != rows)
            throw new ArgumentException($"Rope: {rows} tokens, but {positions.Shape.Count} positions came.");
        ShapeCheck.Ids("Rope", "position", positions, cos.Shape[0], x);
        Tape tape = Tape.Of("Rope", x);
        Tensor y = tape.New(x.Shape, x);
        tape.Backend.Rope(x.Storage, positions.Storage, cos.Storage, sin.Storage, y.Storage, rows, h, d, sign: 1, accumulate: false);
        tape.Record(new RopeBackward(x, positions, cos, sin, y, rows, h, d));
        return y;
    }

    /// <summary>
    /// cos and sin of p·fᵢ for positions p below <paramref name="positions"/> and each of the D/2 frequencies, row by row.
    /// </summary>
    public static (float[] Cos, float[] Sin) RopeTables(int positions, ReadOnlySpan<float> frequencies)
    {
        int half = frequencies.Length;
        var cos = new float[new Shape(positions, half).Count];
        var sin = new float[cos.Length];
        for (int i = 0; i < half; i++)
        {
            for (int p = 0; p < positions; p++)
            {
                float angle = p * frequencies[i];
                cos[p * half + i] = (float)Math.Cos(angle);
                sin[p * half + i] = (float)Math.Sin(angle);
            }
        }

        return (cos, sin);
    }

    // A rotation's transpose is the rotation back: dx += R(−angle) dy
    private readonly struct RopeBackward(Tensor x, TokenIds positions, Tensor cos, Tensor sin, Tensor y, int rows, int h, int d) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            Storage dx = x.TakeGradStorage(out bool add);
            backend.Rope(y.GradStorage, positions.Storage, cos.Storage, sin.Storage, dx, rows, h, d, sign: -1, accumulate: add);
        }
    }
}
