namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Backward of <see cref="AttentionForward"/>. The scores are computed again from q, k and logSum, 64 rows at a time:
/// δᵢ = ⟨dyᵢ, yᵢ⟩,  dpᵢⱼ = ⟨dyᵢ, vⱼ⟩,  dsᵢⱼ = scale · pᵢⱼ (dpᵢⱼ − δᵢ),
/// dqᵢ += Σⱼ dsᵢⱼ kⱼ,  dkⱼ += Σᵢ dsᵢⱼ qᵢ,  dvⱼ += Σᵢ pᵢⱼ dyᵢ.
/// Items are pairs (b, hkv), with all query heads that share the key-value head.
/// </summary>
internal readonly unsafe struct AttentionBackward(
    float* q, float* k, float* v, float* y, float* logSum, float* dy, float* dq, float* dk, float* dv, int T, int H, int Hkv, int D,
    float scale, int window = 0) : IKernel
{
    private const int BlockRows = 64;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        // Scratch: panels of keys and of values (T/16, D, 16), then p and ds (64, T + 16).
        int padded = KeyPanels.RoundUp(T), stride = padded + 16;
        float* keyPanels = (float*)NativeScratch.Rent(2 * ((long)padded * D + BlockRows * (long)stride) * sizeof(float));
        float* valuePanels = keyPanels + (long)padded * D;
        float* p = valuePanels + (long)padded * D, ds = p + BlockRows * (long)stride;
        for (int item = start; item < end; item++)
        {
            int b = item / Hkv, hkv = item % Hkv, group = H / Hkv;
            long kv = ((long)b * T * Hkv + hkv) * D;
            KeyPanels.Pack(k + kv, (nint)Hkv * D, T, D, keyPanels);
            KeyPanels.Pack(v + kv, (nint)Hkv * D, T, D, valuePanels);
            for (int h = hkv * group; h < (hkv + 1) * group; h++)
            {
                for (int i = 0; i < T; i += BlockRows)
                {
                    int rows = Math.Min(BlockRows, T - i);
                    long at = (((long)b * T + i) * H + h) * D;
                    Scores(at, logSum + ((long)b * H + h) * T + i, i, rows, keyPanels, valuePanels, p, ds, stride);
                    Gradients(at, kv, i, rows, p, ds, stride);
                }
            }
        }
    }

    // p and ds of rows i .. i + rows − 1: every row up to the end of the panel of its own token.
    private void Scores(
        long at, float* logSums, int i, int rows, float* keyPanels, float* valuePanels, float* p, float* ds, int stride)
    {
        const int Width = KeyPanels.Width;
        nint rowStride = (nint)H * D;
        int begin = Begin(i);
        for (int j = begin; j < i + rows; j += Width)
        {
            int r = Math.Max(0, j - i); // the first row that sees the panel
            long from = at + r * (long)rowStride, to = r * (long)stride + j;
            SmallProduct.Multiply(q + from, rowStride, 1, keyPanels + (nint)j * D, Width, p + to, stride, rows - r, Width, D, accumulate: false);
            SmallProduct.Multiply(dy + from, rowStride, 1, valuePanels + (nint)j * D, Width, ds + to, stride, rows - r, Width, D, accumulate: false);
        }

        for (int r = 0; r < rows; r++)
        {
            long row = at + r * (long)rowStride;
            float delta = Row.Dot(dy + row, y + row, D);
            AttentionRow.Backward(p + r * (long)stride, ds + r * (long)stride, begin, AttentionRow.First(i + r, window), i + r + 1, scale, logSums[r], delta);
        }
    }

    // The first panel that row i sees anything of: of the rows from i on, none sees more.
    private int Begin(int i) => AttentionRow.First(i, window) / KeyPanels.Width * KeyPanels.Width;

    private void Gradients(long at, long kv, int i, int rows, float* p, float* ds, int stride)
    {
        nint rowStride = (nint)H * D, keyStride = (nint)Hkv * D;
        int begin = Begin(i);
        for (int r = 0; r < rows; r += 4)
        {
            // dq: four rows share the keys of the last of them.
            int group = Math.Min(4, rows - r);
            SmallProduct.Multiply(
                ds + r * (long)stride + begin, stride, 1, k + kv + begin * (long)keyStride, keyStride, dq + at + r * (long)rowStride, rowStride, group, D,
                i + r + group - begin, accumulate: true);
        }

        for (int j = begin; j < i + rows; j += 4)
        {
            // dk and dv: four keys share the rows that see the first of them.
            int group = Math.Min(4, T - j), r = Math.Max(0, j - i);
            long from = at + r * (long)rowStride, score = r * (long)stride + j, to = kv + j * (long)keyStride;
            SmallProduct.Multiply(ds + score, 1, stride, q + from, rowStride, dk + to, keyStride, group, D, rows - r, accumulate: true);
            SmallProduct.Multiply(p + score, 1, stride, dy + from, rowStride, dv + to, keyStride, group, D, rows - r, accumulate: true);
        }
    }
}
