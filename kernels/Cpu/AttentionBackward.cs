namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Backward of <see cref="AttentionForward"/>. The scores are computed again from q, k and logSum, 64 rows at a time:
/// δᵢ = ⟨dyᵢ, yᵢ⟩,  dpᵢⱼ = ⟨dyᵢ, vⱼ⟩,  dsᵢⱼ = scale · pᵢⱼ (dpᵢⱼ − δᵢ),
/// dqᵢ += Σⱼ dsᵢⱼ kⱼ,  dkⱼ += Σᵢ dsᵢⱼ qᵢ,  dvⱼ += Σᵢ pᵢⱼ dyᵢ.
/// Items are pairs (piece of the plan, hkv), with all query heads that share the key-value head. Each gradient is one chain of
/// multiply-adds, dq's over j, dk's and dv's over the heads and i, whether a piece has a whole sequence, or some of its queries, or some of
/// its keys.
/// </summary>
internal readonly unsafe struct AttentionBackward(
    float* q, float* k, float* v, float* y, float* logSum, float* dy, float* dq, float* dk, float* dv, int* starts, AttentionPiece* pieces,
    int longest,
    int N, int H, int Hkv, int D, float scale, int window = 0) : IKernel
{
    /// <summary>Rows whose scores exist at a time; a sequence is cut at multiples of it.</summary>
    internal const int BlockRows = 64;

    // The operands of one sequence and head: where its queries and its keys begin, and which keys From ≤ j < To of its T are looked at.
    private readonly record struct Head(long Query, long Key, long LogSum, int T, int From, int To, AttentionPart Part);

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        // Scratch: panels of keys and of values (T/16, D, 16), then p and ds (64, T + 16).
        int padded = KeyPanels.RoundUp(longest), stride = padded + 16;
        float* keyPanels = (float*)NativeScratch.Rent(2 * ((long)padded * D + BlockRows * (long)stride) * sizeof(float));
        float* valuePanels = keyPanels + (long)padded * D;
        float* p = valuePanels + (long)padded * D, ds = p + BlockRows * (long)stride;
        for (int item = start; item < end; item++)
        {
            AttentionPiece piece = pieces[item / Hkv];
            int hkv = item % Hkv, group = H / Hkv;
            for (int b = piece.First; b < piece.End; b++)
            {
                int row = starts[b], T = starts[b + 1] - row, last = Math.Min(T, piece.To);
                if (last <= piece.From) continue;
                bool ofKeys = piece.Part == AttentionPart.Keys;
                int firstKey = ofKeys ? piece.From : Begin(piece.From);
                long key = ((long)row * Hkv + hkv) * D, from = key + (long)firstKey * Hkv * D;
                KeyPanels.Pack(k + from, (nint)Hkv * D, last - firstKey, D, keyPanels + (long)firstKey * D);
                KeyPanels.Pack(v + from, (nint)Hkv * D, last - firstKey, D, valuePanels + (long)firstKey * D);
                for (int h = hkv * group; h < (hkv + 1) * group; h++)
                {
                    Head head = new(((long)row * H + h) * D, key, (long)h * N + row, T, firstKey, last, piece.Part);
                    for (int i = piece.From; i < (ofKeys ? T : last); i += BlockRows)
                    {
                        if (window > 0 && i - last >= window) break; // no key of the piece is seen any more
                        int rows = Math.Min(BlockRows, T - i);
                        Scores(head, i, rows, keyPanels, valuePanels, p, ds, stride);
                        Gradients(head, i, rows, p, ds, stride);
                    }
                }
            }
        }
    }

    // p and ds of rows i .. i + rows − 1: every row up to the end of the panel of its own token.
    private void Scores(in Head head, int i, int rows, float* keyPanels, float* valuePanels, float* p, float* ds, int stride)
    {
        const int Width = KeyPanels.Width;
        nint rowStride = (nint)H * D;
        long at = head.Query + i * (long)rowStride;
        int begin = Math.Max(Begin(i), head.From);
        for (int j = begin; j < Math.Min(i + rows, head.To); j += Width)
        {
            int r = Math.Max(0, j - i); // the first row that sees the panel
            long from = at + r * (long)rowStride, to = r * (long)stride + j;
            SmallProduct.Multiply(q + from, rowStride, 1, keyPanels + (nint)j * D, Width, p + to, stride, rows - r, Width, D,
                accumulate: false);
            SmallProduct.Multiply(dy + from, rowStride, 1, valuePanels + (nint)j * D, Width, ds + to, stride, rows - r, Width, D,
                accumulate: false);
        }

        for (int r = 0; r < rows; r++)
        {
            long row = at + r * (long)rowStride;
            float delta = Row.Dot(dy + row, y + row, D);
            int first = Math.Min(AttentionRow.First(i + r, window), head.To), visible = Math.Min(i + r + 1, head.To);
            AttentionRow.Backward(p + r * (long)stride, ds + r * (long)stride, begin, first, visible, scale, logSum[head.LogSum + i + r],
                delta);
        }
    }

    // The first panel that row i sees anything of: of the rows from i on, none sees more.
    private int Begin(int i) => AttentionRow.First(i, window) / KeyPanels.Width * KeyPanels.Width;

    private void Gradients(in Head head, int i, int rows, float* p, float* ds, int stride)
    {
        nint rowStride = (nint)H * D, keyStride = (nint)Hkv * D;
        long at = head.Query + i * (long)rowStride;
        int begin = Math.Max(Begin(i), head.From);
        for (int r = 0; r < rows && head.Part != AttentionPart.Keys; r += 4)
        {
            // dq: four rows share the keys of the last of them.
            int group = Math.Min(4, rows - r);
            SmallProduct.Multiply(
                ds + r * (long)stride + begin, stride, 1, k + head.Key + begin * (long)keyStride, keyStride, dq + at + r * (long)rowStride,
                rowStride, group, D,
                i + r + group - begin, accumulate: true);
        }

        if (head.Part == AttentionPart.Queries) return;
        for (int j = begin; j < Math.Min(i + rows, head.To); j += 4)
        {
            // dk and dv: four keys share the rows that see the first of them.
            int group = Math.Min(4, head.T - j), r = Math.Max(0, j - i);
            long from = at + r * (long)rowStride, score = r * (long)stride + j, to = head.Key + j * (long)keyStride;
            SmallProduct.Multiply(ds + score, 1, stride, q + from, rowStride, dk + to, keyStride, group, D, rows - r, accumulate: true);
            SmallProduct.Multiply(p + score, 1, stride, dy + from, rowStride, dv + to, keyStride, group, D, rows - r, accumulate: true);
        }
    }
}
