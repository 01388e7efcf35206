using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// dkⱼ += Σᵢ dsᵢⱼ qᵢ and dvⱼ += Σᵢ pᵢⱼ dyᵢ. A group has 64 keys of one key-value head and up to 64 components of dk and dv, and passes over
/// the queries that see them 64 at a time, one query head of the key-value head after the other. Rows of the tiles are keys, columns
/// queries.
/// </summary>
internal static class AttentionBackwardKeys
{
    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSum, ArrayView<float> dy, ArrayView<float> delta,
        ArrayView<float> dk, ArrayView<float> dv, ArrayView<int> starts, AttentionShape s)
    {
        // Shared: two operands (32, 64) of the scores, later dy or q (64, 64); p or ds (64, 64).
        ArrayView<Float4> rows = SharedMemory.Allocate<Float4>(2 * AttentionTile.DepthLines);
        ArrayView<Float4> weights = SharedMemory.Allocate<Float4>(AttentionTile.Size * AttentionTile.Side);
        ArrayView<Float4> columns = rows.SubView(AttentionTile.DepthLines, AttentionTile.DepthLines);

        // The first keys are seen by the most queries: they start first.
        int tiles = s.Tiles(AttentionTile.Size), chunks = AttentionTile.Count(s.D), hkv = Grid.IdxX / (tiles * chunks);
        SequenceTile tile = SequenceTile.Of(starts, Grid.IdxX % tiles, AttentionTile.Size, false, s);
        int chunk = Grid.IdxX / tiles % chunks * AttentionTile.Size, j0 = tile.First;
        int row = Group.IdxX / AttentionTile.Side, column = Group.IdxX % AttentionTile.Side;
        int heads = s.H / s.Hkv, queryStride = s.H * s.D, keyStride = s.Hkv * s.D;
        long key = ((long)(tile.Start + j0) * s.Hkv + hkv) * s.D;
        int seen = XMath.Min(AttentionTile.Size, tile.T - j0), j = j0 + 4 * row;
        bool writes = 4 * row < seen && chunk + 4 * column < s.D;

        Float4 zero = default, dk0 = zero, dk1 = zero, dk2 = zero, dk3 = zero, dv0 = zero, dv1 = zero, dv2 = zero, dv3 = zero;
        for (int h = hkv * heads; h < (hkv + 1) * heads; h++)
        {
            for (int i0 = j0; i0 < tile.T && s.Meets(i0, j0, AttentionTile.Size); i0 += AttentionTile.Size)
            {
                int i = i0 + 4 * column, queries = XMath.Min(AttentionTile.Size, tile.T - i0), quads = (queries + 3) / 4;
                bool active = 4 * row < seen && i < tile.T && j <= i + 3;
                long from = ((long)(tile.Start + i0) * s.H + h) * s.D, statistics = (long)h * s.N + tile.Start + i;
                Float4 s0 = zero, s1 = zero, s2 = zero, s3 = zero, p0 = zero, p1 = zero, p2 = zero, p3 = zero;
                for (int d = 0; d < s.D; d += AttentionTile.Depth)
                {
                    // sᵀ = k qᵀ and dpᵀ = v dyᵀ
                    int depth = (XMath.Min(AttentionTile.Depth, s.D - d) + 3) / 4;
                    Group.Barrier();
                    AttentionTile.LoadTransposed(k, key, keyStride, seen, d, s, rows, AttentionTile.Side - 1);
                    AttentionTile.LoadTransposed(q, from, queryStride, queries, d, s, columns, 0);
                    Group.Barrier();
                    if (active) AttentionTile.Multiply(rows, columns, row, column, depth, ref s0, ref s1, ref s2, ref s3);
                    Group.Barrier();
                    AttentionTile.LoadTransposed(v, key, keyStride, seen, d, s, rows, AttentionTile.Side - 1);
                    AttentionTile.LoadTransposed(dy, from, queryStride, queries, d, s, columns, 0);
                    Group.Barrier();
                    if (active) AttentionTile.Multiply(rows, columns, row, column, depth, ref p0, ref p1, ref p2, ref p3);
                }

                Float4 logs = AttentionTile.LoadSome(logSum, statistics, tile.T - i),
                    mean = AttentionTile.LoadSome(delta, statistics, tile.T - i);
                s0 = Probability(s0, s, logs, i - j, tile.T - i);
                s1 = Probability(s1, s, logs, i - j - 1, tile.T - i);
                s2 = Probability(s2, s, logs, i - j - 2, tile.T - i);
                s3 = Probability(s3, s, logs, i - j - 3, tile.T - i);

                Group.Barrier();
                AttentionTile.StoreTransposed(s0, s1, s2, s3, weights, row, column);
                AttentionTile.Load(dy, from, queryStride, queries, chunk, s, rows);
                Group.Barrier();
                if (writes) AttentionTile.Multiply(weights, rows, row, column, quads, ref dv0, ref dv1, ref dv2, ref dv3);

                Group.Barrier();
                AttentionTile.StoreTransposed(
                    Gradient(s0, p0, s.Scale, mean), Gradient(s1, p1, s.Scale, mean), Gradient(s2, p2, s.Scale, mean),
                    Gradient(s3, p3, s.Scale, mean),
                    weights, row, column);
                AttentionTile.Load(q, from, queryStride, queries, chunk, s, rows);
                Group.Barrier();
                if (writes) AttentionTile.Multiply(weights, rows, row, column, quads, ref dk0, ref dk1, ref dk2, ref dk3);
            }
        }

        long to = key + (long)(4 * row) * keyStride;
        int at = chunk + 4 * column;
        Add(dk0, dv0, dk, dv, to, at, s, tile.T - j);
        Add(dk1, dv1, dk, dv, to + keyStride, at, s, tile.T - j - 1);
        Add(dk2, dv2, dk, dv, to + 2 * keyStride, at, s, tile.T - j - 2);
        Add(dk3, dv3, dk, dv, to + 3 * keyStride, at, s, tile.T - j - 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Float4 key, Float4 value, ArrayView<float> dk, ArrayView<float> dv, long to, int at, AttentionShape s,
        int exist)
    {
        if (exist <= 0) return;
        AttentionTile.Add(key, dk, to, at, s);
        AttentionTile.Add(value, dv, to, at, s);
    }

    // p of one key and four queries, the first of them `ahead` tokens after the key: 0 where the query comes before it, does
    // not exist, or has a window that begins after the key.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Probability(Float4 score, AttentionShape s, Float4 logs, int ahead, int exist) => AttentionTile.Four(
        ahead >= 0 && ahead < s.Window && exist > 0 ? XMath.Exp(s.Scale * score.X - logs.X) : 0f,
        ahead >= -1 && ahead + 1 < s.Window && exist > 1 ? XMath.Exp(s.Scale * score.Y - logs.Y) : 0f,
        ahead >= -2 && ahead + 2 < s.Window && exist > 2 ? XMath.Exp(s.Scale * score.Z - logs.Z) : 0f,
        ahead >= -3 && ahead + 3 < s.Window && exist > 3 ? XMath.Exp(s.Scale * score.W - logs.W) : 0f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Gradient(Float4 p, Float4 dp, float scale, Float4 mean) => AttentionTile.Four(
        scale * p.X * (dp.X - mean.X), scale * p.Y * (dp.Y - mean.Y), scale * p.Z * (dp.Z - mean.Z), scale * p.W * (dp.W - mean.W));
}
