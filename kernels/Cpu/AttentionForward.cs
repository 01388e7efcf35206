using System.Numerics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Causal attention: yᵢ = Σ_{j≤i} pᵢⱼ vⱼ, pᵢⱼ = e^(scale ⟨qᵢ, kⱼ⟩ − logSumᵢ), where query head h reads key-value head h / (H / Hkv).
/// q and y are (B, T, H, D), k and v (B, T, Hkv, D); saves logSum (B, H, T). No more than 16 rows of scores exist at a time.
/// With a window of W tokens only i − W &lt; j ≤ i are seen (0: none). Keys, queries and values must be finite. Items are pairs (b, h).
/// </summary>
internal readonly unsafe struct AttentionForward(
    float* q, float* k, float* v, float* y, float* logSum, int T, int H, int Hkv, int D, float scale, int window = 0) : IKernel
{
    private const int BlockRows = 16;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        // Scratch: key panels (T/16, D, 16), then scores (16, T + 16); the 16 keep rows off the same cache sets.
        int padded = KeyPanels.RoundUp(T), stride = padded + 16;
        float* panels = (float*)NativeScratch.Rent(((long)padded * D + BlockRows * (long)stride) * sizeof(float));
        float* scores = panels + (long)padded * D;
        float* sums = stackalloc float[BlockRows], maxima = stackalloc float[BlockRows];
        float* packed = null;
        for (int item = start; item < end; item++)
        {
            int b = item / H, h = item % H, hkv = h / (H / Hkv);
            float* keys = k + ((long)b * T * Hkv + hkv) * D, values = v + ((long)b * T * Hkv + hkv) * D;
            if (keys != packed) KeyPanels.Pack(keys, (nint)Hkv * D, T, D, panels);
            packed = keys;
            for (int i = 0; i < T; i += BlockRows)
            {
                int rows = Math.Min(BlockRows, T - i);
                long at = (((long)b * T + i) * H + h) * D;
                Block(q + at, values, y + at, logSum + (long)item * T + i, i, rows, panels, scores, stride, sums, maxima);
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
            Vector<float> logs = Vector.FusedMultiplyAdd(Vector.Create(scale), Vector.Load(maxima + r), VectorMath.Log(Vector.Load(sums + r)));
            PartialVector.Store(logs, logSums + r, Math.Clamp(rows - r, 0, Vector<float>.Count));
        }

        for (int r = 0; r < rows; r += 4)
        {
            // Four rows share the keys of the last of them; what the others do not see has p = 0.
            int group = Math.Min(4, rows - r);
            SmallProduct.Multiply(
                scores + r * stride + from, stride, 1, values + from * (long)Hkv * D, (nint)Hkv * D, yi + r * rowStride, rowStride, group, D,
                i + r + group - from, accumulate: false);
        }

        for (int r = 0; r < rows; r++) AttentionRow.Normalise(yi + r * rowStride, sums[r], yi + r * rowStride, D);
    }
}
