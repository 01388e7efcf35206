using System.Numerics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Causal attention of sequences that lie one after another: yᵢ = Σ_{j≤i} pᵢⱼ vⱼ, pᵢⱼ = e^(scale ⟨qᵢ, kⱼ⟩ − logSumᵢ), i and j in one
/// sequence, where query head h reads key-value head h / (H / Hkv). q and y are (N, H, D), k and v (N, Hkv, D), starts (B + 1): sequence b
/// is rows starts[b] … starts[b+1] − 1. Saves logSum (H, N). No more than 16 rows of scores exist at a time. With a window of W tokens only
/// i − W &lt; j ≤ i are seen (0: none). Keys, queries and values must be finite. Items are pairs (piece of the plan, hkv), with all query
/// heads that share the key-value head; a piece of part Queries has some rows of one sequence.
/// </summary>
internal readonly unsafe struct AttentionForward(
    float* q, float* k, float* v, float* y, float* logSum, int* starts, AttentionPiece* pieces, int longest, int N, int H, int Hkv, int D,
    float scale,
    int window = 0) : IKernel
{
    /// <summary>Rows whose scores exist at a time; a sequence is cut at multiples of it.</summary>
    internal const int BlockRows = 16;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        // Scratch: key panels (T/16, D, 16), then scores (16, T + 16); the 16 keep rows off the same cache sets.
        int padded = KeyPanels.RoundUp(longest), stride = padded + 16;
        float* panels = (float*)NativeScratch.Rent(((long)padded * D + BlockRows * (long)stride) * sizeof(float));
        float* scores = panels + (long)padded * D;
        float* sums = stackalloc float[BlockRows], maxima = stackalloc float[BlockRows];
        for (int item = start; item < end; item++)
        {
            AttentionPiece piece = pieces[item / Hkv];
            int hkv = item % Hkv, group = H / Hkv;
            for (int b = piece.First; b < piece.End; b++)
            {
                int row = starts[b], last = Math.Min(starts[b + 1] - row, piece.To);
                if (last <= piece.From) continue;
                int firstKey = AttentionRow.First(piece.From, window) / KeyPanels.Width * KeyPanels.Width;
                long key = ((long)row * Hkv + hkv) * D, from = key + (long)firstKey * Hkv * D;
                KeyPanels.Pack(k + from, (nint)Hkv * D, last - firstKey, D, panels + (long)firstKey * D);
                for (int h = hkv * group; h < (hkv + 1) * group; h++)
                {
                    for (int i = piece.From; i < last; i += BlockRows)
                    {
                        int rows = Math.Min(BlockRows, last - i);
                        long at = ((row + (long)i) * H + h) * D;
                        Block(q + at, v + key, y + at, logSum + (long)h * N + row + i, i, rows, panels, scores, stride, sums, maxima);
                    }
                }
            }
        }
    }

    // Rows i .. i + rows − 1 of one head.
    private void Block(
        float* qi, float* values, float* yi, float* logSums, int i, int rows, float* panels, float* scores, int stride, float* sums,
        float* maxima)
    {
        nint rowStride = (nint)H * D;
        int from = AttentionRow.First(i, window) / KeyPanels.Width * KeyPanels.Width;
        for (int j = from; j < i + rows; j += KeyPanels.Width)
        {
            SmallProduct.Multiply(
                qi, rowStride, 1, panels + (nint)j * D, KeyPanels.Width, scores + j, stride, rows, KeyPanels.Width, D, accumulate: false);
        }

        for (int r = 0; r < rows; r++)
            sums[r] = AttentionRow.Softmax(scores + r * stride, from, AttentionRow.First(i + r, window), i + r + 1, scale, out maxima[r]);
        for (int r = 0; r < BlockRows; r += Vector<float>.Count)
        {
            Vector<float> logs = Vector.FusedMultiplyAdd(Vector.Create(scale), Vector.Load(maxima + r),
                VectorMath.Log(Vector.Load(sums + r)));
            PartialVector.Store(logs, logSums + r, Math.Clamp(rows - r, 0, Vector<float>.Count));
        }

        for (int r = 0; r < rows; r += 4)
        {
            // Four rows share the keys of the last of them; what the others do not see has p = 0.
            int group = Math.Min(4, rows - r);
            SmallProduct.Multiply(
                scores + r * stride + from, stride, 1, values + from * (long)Hkv * D, (nint)Hkv * D, yi + r * rowStride, rowStride, group,
                D,
                i + r + group - from, accumulate: false);
        }

        for (int r = 0; r < rows; r++) AttentionRow.Normalise(yi + r * rowStride, sums[r], yi + r * rowStride, D);
    }
}
