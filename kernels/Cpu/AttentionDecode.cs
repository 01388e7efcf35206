using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Writes row r of k and v, (Hkv, D), into the cache at token positions[r] of sequence slots[r].
/// The cache holds keys as [slot][Hkv][context/16][D][16] and values as [slot][Hkv][context][D]; context is a multiple of 16.
/// Items are rows.
/// </summary>
internal readonly unsafe struct CacheAppend(
    float* k, float* v, int* slots, int* positions, float* cacheK, float* cacheV, int Hkv, int D, int context) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++)
        {
            int t = positions[r];
            for (int h = 0; h < Hkv; h++)
            {
                long head = ((long)slots[r] * Hkv + h) * context * D;
                float* from = k + ((long)r * Hkv + h) * D;
                float* to = cacheK + head + (long)(t / KeyPanels.Width) * KeyPanels.Width * D + t % KeyPanels.Width;
                for (int d = 0; d < D; d++) to[d * KeyPanels.Width] = from[d];
                new ReadOnlySpan<float>(v + ((long)r * Hkv + h) * D, D).CopyTo(new Span<float>(cacheV + head + (long)t * D, D));
            }
        }
    }
}

/// <summary>
/// Attention of one token a row against the cache: row r of q, (H, D), attends to tokens 0 .. positions[r] of sequence slots[r], or to
/// the last of them that a window leaves. The result is bit for bit that of <see cref="AttentionForward"/> for the same token. Cache memory
/// past the position may hold anything. Items are pairs (row, head).
/// </summary>
internal readonly unsafe struct AttentionDecode(
    float* q, float* cacheK, float* cacheV, int* slots, int* positions, float* y, int H, int Hkv, int D, int context, float scale,
    int window = 0) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* scores = (float*)NativeScratch.Rent((long)context * sizeof(float));
        for (int item = start; item < end; item++)
        {
            int r = item / H, h = item % H, visible = positions[r] + 1;
            float* row = y + (long)item * D;
            long head = ((long)slots[r] * Hkv + h / (H / Hkv)) * context * D;
            int first = AttentionRow.First(visible - 1, window), from = first / KeyPanels.Width * KeyPanels.Width;
            Products(q + (long)item * D, cacheK + head, scores, from, KeyPanels.RoundUp(visible));
            float sum = AttentionRow.Softmax(scores, from, first, visible, scale, out _);
            SmallProduct.Multiply(scores + from, 0, 1, cacheV + head + (long)from * D, D, row, 0, 1, D, visible - from, accumulate: false);
            AttentionRow.Normalise(row, sum, row, D);
        }
    }

    // s_j = ⟨q, k_j⟩ for from ≤ j < padded, 32 keys (or one panel) at a time, so that several chains are under way.
    private void Products(float* query, float* keys, float* s, int from, int padded)
    {
        const int Width = KeyPanels.Width;
        int W = Vector<float>.Count, j = from;
        for (; j <= padded - 4 * W; j += 4 * W)
        {
            // Vector m of the four starts at key j + m W, in the panel of that key.
            float* k0 = Start(keys, j), k1 = Start(keys, j + W), k2 = Start(keys, j + 2 * W), k3 = Start(keys, j + 3 * W);
            Vector<float> s0 = Vector<float>.Zero, s1 = s0, s2 = s0, s3 = s0;
            for (int d = 0; d < D; d++)
            {
                Vector<float> component = Vector.Create(query[d]);
                s0 = Vector.FusedMultiplyAdd(component, Vector.Load(k0 + d * Width), s0);
                s1 = Vector.FusedMultiplyAdd(component, Vector.Load(k1 + d * Width), s1);
                s2 = Vector.FusedMultiplyAdd(component, Vector.Load(k2 + d * Width), s2);
                s3 = Vector.FusedMultiplyAdd(component, Vector.Load(k3 + d * Width), s3);
            }

            Vector.Store(s0, s + j);
            Vector.Store(s1, s + j + W);
            Vector.Store(s2, s + j + 2 * W);
            Vector.Store(s3, s + j + 3 * W);
        }

        for (; j < padded; j += W) SmallProduct.Multiply(query, 0, 1, Start(keys, j), Width, s + j, 0, 1, W, D, accumulate: false);
    }

    private float* Start(float* keys, int key) => keys + (long)(key / KeyPanels.Width) * KeyPanels.Width * D + key % KeyPanels.Width;
}
