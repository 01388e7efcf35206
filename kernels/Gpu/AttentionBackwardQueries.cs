using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// dqᵢ += Σⱼ dsᵢⱼ kⱼ, dsᵢⱼ = scale · pᵢⱼ (⟨dyᵢ, vⱼ⟩ − δᵢ). A group has 64 queries of one head and up to 64 components of dq, and passes
/// over the keys 64 at a time, as in <see cref="AttentionForward"/>.
/// </summary>
internal static class AttentionBackwardQueries
{
    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSum, ArrayView<float> dy, ArrayView<float> delta,
        ArrayView<float> dq, ArrayView<int> starts, AttentionShape s)
    {
        // Shared: two operands (32, 64) of the scores, later k (64, 64); dsᵀ (64, 64).
        ArrayView<Float4> rows = SharedMemory.Allocate<Float4>(2 * AttentionTile.DepthLines);
        ArrayView<Float4> weights = SharedMemory.Allocate<Float4>(AttentionTile.Size * AttentionTile.Side);
        ArrayView<Float4> columns = rows.SubView(AttentionTile.DepthLines, AttentionTile.DepthLines);

        int tiles = s.Tiles(AttentionTile.Size), chunks = AttentionTile.Count(s.D), h = Grid.IdxX / (tiles * chunks);
        SequenceTile tile = SequenceTile.Of(starts, Grid.IdxX % tiles, AttentionTile.Size, true, s);
        // A tile that is left over passes no keys; its group may not end before the barriers (PoCL then writes where it should not).
        int chunk = Grid.IdxX / tiles % chunks * AttentionTile.Size, i0 = tile.First, end = i0 < tile.T ? i0 : -1;
        int row = Group.IdxX / AttentionTile.Side, column = Group.IdxX % AttentionTile.Side;
        int queryStride = s.H * s.D, keyStride = s.Hkv * s.D;
        long query = ((long)(tile.Start + i0) * s.H + h) * s.D, key = ((long)tile.Start * s.Hkv + h / (s.H / s.Hkv)) * s.D;
        int queries = XMath.Min(AttentionTile.Size, tile.T - i0), i = i0 + 4 * row;
        long statistics = (long)h * s.N + tile.Start + i;
        Float4 logs = AttentionTile.LoadSome(logSum, statistics, tile.T - i), mean = AttentionTile.LoadSome(delta, statistics, tile.T - i);

        Float4 zero = default, dq0 = zero, dq1 = zero, dq2 = zero, dq3 = zero;
        for (int j0 = s.FirstTile(i0, AttentionTile.Size); j0 <= end; j0 += AttentionTile.Size)
        {
            int j = j0 + 4 * column, seen = XMath.Min(AttentionTile.Size, tile.T - j0);
            bool active = 4 * row < queries && j <= i + 3;
            long from = key + (long)j0 * keyStride;
            Float4 s0 = zero, s1 = zero, s2 = zero, s3 = zero, p0 = zero, p1 = zero, p2 = zero, p3 = zero;
            for (int d = 0; d < s.D; d += AttentionTile.Depth)
            {
                // s = q kᵀ and dp = dy vᵀ
                int quads = (XMath.Min(AttentionTile.Depth, s.D - d) + 3) / 4;
                Group.Barrier();
                AttentionTile.LoadTransposed(q, query, queryStride, queries, d, s, rows, AttentionTile.Side - 1);
                AttentionTile.LoadTransposed(k, from, keyStride, seen, d, s, columns, 0);
                Group.Barrier();
                if (active) AttentionTile.Multiply(rows, columns, row, column, quads, ref s0, ref s1, ref s2, ref s3);
                Group.Barrier();
                AttentionTile.LoadTransposed(dy, query, queryStride, queries, d, s, rows, AttentionTile.Side - 1);
                AttentionTile.LoadTransposed(v, from, keyStride, seen, d, s, columns, 0);
                Group.Barrier();
                if (active) AttentionTile.Multiply(rows, columns, row, column, quads, ref p0, ref p1, ref p2, ref p3);
            }

            p0 = Gradient(s0, p0, s, logs.X, mean.X, i - j);
            p1 = Gradient(s1, p1, s, logs.Y, mean.Y, i + 1 - j);
            p2 = Gradient(s2, p2, s, logs.Z, mean.Z, i + 2 - j);
            p3 = Gradient(s3, p3, s, logs.W, mean.W, i + 3 - j);

            Group.Barrier();
            AttentionTile.StoreTransposed(p0, p1, p2, p3, weights, row, column);
            AttentionTile.Load(k, from, keyStride, seen, chunk, s, rows);
            Group.Barrier();
            int last = XMath.Min(seen, i + 4 - j0);
            if (4 * row < queries && chunk + 4 * column < s.D)
                AttentionTile.Multiply(weights, rows, row, column, (last + 3) / 4, ref dq0, ref dq1, ref dq2, ref dq3);
        }

        long to = query + (long)(4 * row) * queryStride;
        int at = chunk + 4 * column;
        if (i < tile.T) AttentionTile.Add(dq0, dq, to, at, s);
        if (i + 1 < tile.T) AttentionTile.Add(dq1, dq, to + queryStride, at, s);
        if (i + 2 < tile.T) AttentionTile.Add(dq2, dq, to + 2 * queryStride, at, s);
        if (i + 3 < tile.T) AttentionTile.Add(dq3, dq, to + 3 * queryStride, at, s);
    }

    // ds of one query and four keys, the first of them `ahead` tokens before the query: 0 where the key comes after it or before its
    // window.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Gradient(Float4 score, Float4 dp, AttentionShape s, float logSum, float delta, int ahead) => AttentionTile.Four(
        ahead >= 0 && ahead < s.Window ? s.Scale * XMath.Exp(s.Scale * score.X - logSum) * (dp.X - delta) : 0f,
        ahead >= 1 && ahead - 1 < s.Window ? s.Scale * XMath.Exp(s.Scale * score.Y - logSum) * (dp.Y - delta) : 0f,
        ahead >= 2 && ahead - 2 < s.Window ? s.Scale * XMath.Exp(s.Scale * score.Z - logSum) * (dp.Z - delta) : 0f,
        ahead >= 3 && ahead - 3 < s.Window ? s.Scale * XMath.Exp(s.Scale * score.W - logSum) * (dp.W - delta) : 0f);
}
