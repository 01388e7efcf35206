using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Causal attention of sequences that lie one after another, sequence b in rows starts[b] … starts[b+1] − 1: yᵢ = Σ_{j≤i} pᵢⱼ vⱼ,
/// pᵢⱼ = e^(scale ⟨qᵢ, kⱼ⟩ − logSumᵢ), logSum (H, N). A group has 64 queries of one head of one sequence and up to 64 components
/// of y, and passes over the keys 64 at a time with the online softmax: for every row the maximum m so far, l = Σ e^(s − m) and
/// Σ e^(s − m) v; when m grows, both sums are scaled down. A head of more than 64 components takes several groups, which form the scores
/// again.
/// </summary>
internal sealed class AttentionForward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<int>, AttentionShape> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<int>, AttentionShape>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<int> starts,
        AttentionShape s)
    {
        // Shared: qᵀ and kᵀ (32, 64) each, later v (64, 64); the row maxima by column of work items (64, 16), later pᵀ (64, 64).
        ArrayView<Float4> operands = SharedMemory.Allocate<Float4>(2 * AttentionTile.DepthLines);
        ArrayView<Float4> weights = SharedMemory.Allocate<Float4>(AttentionTile.Size * AttentionTile.Side);
        ArrayView<Float4> keys = operands.SubView(AttentionTile.DepthLines, AttentionTile.DepthLines);
        ArrayView<float> rowParts = weights.Cast<float>();

        // The last queries see the most keys: they start first.
        int tiles = s.Tiles(AttentionTile.Size), chunks = AttentionTile.Count(s.D), h = Grid.IdxX / (tiles * chunks);
        SequenceTile tile = SequenceTile.Of(starts, Grid.IdxX % tiles, AttentionTile.Size, true, s);
        // A tile that is left over passes no keys; its group may not end before the barriers (PoCL then writes where it should not).
        int chunk = Grid.IdxX / tiles % chunks * AttentionTile.Size, i0 = tile.First, end = i0 < tile.T ? i0 : -1;
        int row = Group.IdxX / AttentionTile.Side, column = Group.IdxX % AttentionTile.Side;
        int queryStride = s.H * s.D, keyStride = s.Hkv * s.D;
        long query = ((long)(tile.Start + i0) * s.H + h) * s.D, key = ((long)tile.Start * s.Hkv + h / (s.H / s.Hkv)) * s.D;
        int queries = XMath.Min(AttentionTile.Size, tile.T - i0), i = i0 + 4 * row;

        var zero = AttentionTile.Four(0f, 0f, 0f, 0f);
        Float4 y0 = zero, y1 = zero, y2 = zero, y3 = zero, l = zero;
        var m = AttentionTile.Four(float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity);
        for (int j0 = s.FirstTile(i0, AttentionTile.Size); j0 <= end; j0 += AttentionTile.Size)
        {
            // s = scale · q kᵀ, −∞ where the key comes after the query or before its window. Blocks without a visible score are left out.
            int j = j0 + 4 * column, seen = XMath.Min(AttentionTile.Size, tile.T - j0);
            bool active = 4 * row < queries && j <= i + 3;
            Float4 s0 = zero, s1 = zero, s2 = zero, s3 = zero;
            for (int d = 0; d < s.D; d += AttentionTile.Depth)
            {
                Group.Barrier();
                AttentionTile.LoadTransposed(q, query, queryStride, queries, d, s, operands, AttentionTile.Side - 1);
                AttentionTile.LoadTransposed(k, key + (long)j0 * keyStride, keyStride, seen, d, s, keys, 0);
                Group.Barrier();
                int quads = (XMath.Min(AttentionTile.Depth, s.D - d) + 3) / 4;
                if (active) AttentionTile.Multiply(operands, keys, row, column, quads, ref s0, ref s1, ref s2, ref s3);
            }

            s0 = Visible(s0, s, i - j);
            s1 = Visible(s1, s, i - j + 1);
            s2 = Visible(s2, s, i - j + 2);
            s3 = Visible(s3, s, i - j + 3);

            // The new maximum of each row, from the sixteen work items that share it. A row that sees nothing so far has −∞, and is shifted
            // by 0.
            rowParts[4 * row * AttentionTile.Side + column] = Max(s0);
            rowParts[(4 * row + 1) * AttentionTile.Side + column] = Max(s1);
            rowParts[(4 * row + 2) * AttentionTile.Side + column] = Max(s2);
            rowParts[(4 * row + 3) * AttentionTile.Side + column] = Max(s3);
            Group.Barrier();
            var top = AttentionTile.Four(
                XMath.Max(m.X, RowMax(weights, 4 * row)), XMath.Max(m.Y, RowMax(weights, 4 * row + 1)),
                XMath.Max(m.Z, RowMax(weights, 4 * row + 2)), XMath.Max(m.W, RowMax(weights, 4 * row + 3)));

            var shift = AttentionTile.Four(RowRuns.Finite(top.X), RowRuns.Finite(top.Y), RowRuns.Finite(top.Z), RowRuns.Finite(top.W));
            s0 = Exp(s0, shift.X);
            s1 = Exp(s1, shift.Y);
            s2 = Exp(s2, shift.Z);
            s3 = Exp(s3, shift.W);
            var shrink = AttentionTile.Four(
                XMath.Exp(m.X - shift.X), XMath.Exp(m.Y - shift.Y), XMath.Exp(m.Z - shift.Z), XMath.Exp(m.W - shift.W));
            l = AttentionTile.Four(l.X * shrink.X + Sum(s0), l.Y * shrink.Y + Sum(s1), l.Z * shrink.Z + Sum(s2), l.W * shrink.W + Sum(s3));
            y0 = Scale(y0, shrink.X);
            y1 = Scale(y1, shrink.Y);
            y2 = Scale(y2, shrink.Z);
            y3 = Scale(y3, shrink.W);
            m = top;

            Group.Barrier(); // everyone has read the maxima
            AttentionTile.StoreTransposed(s0, s1, s2, s3, weights, row, column);
            AttentionTile.Load(v, key + (long)j0 * keyStride, keyStride, seen, chunk, s, operands);
            Group.Barrier();
            int last = XMath.Min(seen, i + 4 - j0);
            if (4 * row < queries && chunk + 4 * column < s.D)
                AttentionTile.Multiply(weights, operands, row, column, (last + 3) / 4, ref y0, ref y1, ref y2, ref y3);
        }

        Group.Barrier();
        rowParts[4 * row * AttentionTile.Side + column] = l.X;
        rowParts[(4 * row + 1) * AttentionTile.Side + column] = l.Y;
        rowParts[(4 * row + 2) * AttentionTile.Side + column] = l.Z;
        rowParts[(4 * row + 3) * AttentionTile.Side + column] = l.W;
        Group.Barrier();
        l = AttentionTile.Four(RowSum(weights, 4 * row), RowSum(weights, 4 * row + 1), RowSum(weights, 4 * row + 2),
            RowSum(weights, 4 * row + 3));
        Finish(y0, m.X, l.X, y, logSum, query, 0, s, queries, (long)h * s.N + tile.Start + i0, chunk);
        Finish(y1, m.Y, l.Y, y, logSum, query, 1, s, queries, (long)h * s.N + tile.Start + i0, chunk);
        Finish(y2, m.Z, l.Z, y, logSum, query, 2, s, queries, (long)h * s.N + tile.Start + i0, chunk);
        Finish(y3, m.W, l.W, y, logSum, query, 3, s, queries, (long)h * s.N + tile.Start + i0, chunk);
    }

    /// <summary>Starts it; starts has B + 1 numbers.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<int> starts,
        AttentionShape s) =>
        kernel(Launch.Groups((long)s.Tiles(AttentionTile.Size) * s.H * AttentionTile.Count(s.D), AttentionTile.Items), q, k, v, y, logSum,
            starts, s);

    // Row r of the work item's four: y = Σ / l; the first column writes the log-sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(
        Float4 sum, float m, float l, ArrayView<float> y, ArrayView<float> logSum, long query, int r, AttentionShape s, int queries,
        long statistics, int chunk)
    {
        int at = Group.IdxX / AttentionTile.Side * 4 + r, column = Group.IdxX % AttentionTile.Side;
        if (at >= queries) return;
        AttentionTile.Store(Scale(sum, 1f / l), y, query + (long)at * s.H * s.D, chunk + 4 * column, s);
        if (column == 0 && chunk == 0) logSum[statistics + at] = m + XMath.Log(l);
    }

    // The first of the four keys is `ahead` tokens before the query.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Visible(Float4 x, AttentionShape s, int ahead) => AttentionTile.Four(
        ahead >= 0 && ahead < s.Window ? x.X * s.Scale : float.NegativeInfinity,
        ahead >= 1 && ahead - 1 < s.Window ? x.Y * s.Scale : float.NegativeInfinity,
        ahead >= 2 && ahead - 2 < s.Window ? x.Z * s.Scale : float.NegativeInfinity,
        ahead >= 3 && ahead - 3 < s.Window ? x.W * s.Scale : float.NegativeInfinity);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Exp(Float4 x, float shift) =>
        AttentionTile.Four(XMath.Exp(x.X - shift), XMath.Exp(x.Y - shift), XMath.Exp(x.Z - shift), XMath.Exp(x.W - shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Scale(Float4 x, float factor) => AttentionTile.Four(x.X * factor, x.Y * factor, x.Z * factor, x.W * factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Max(Float4 x) => XMath.Max(XMath.Max(x.X, x.Y), XMath.Max(x.Z, x.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Float4 x) => (x.X + x.Y) + (x.Z + x.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float RowMax(ArrayView<Float4> parts, int row)
    {
        int at = row * (AttentionTile.Side / 4);
        return XMath.Max(XMath.Max(Max(parts[at]), Max(parts[at + 1])), XMath.Max(Max(parts[at + 2]), Max(parts[at + 3])));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float RowSum(ArrayView<Float4> parts, int row)
    {
        int at = row * (AttentionTile.Side / 4);
        return (Sum(parts[at]) + Sum(parts[at + 1])) + (Sum(parts[at + 2]) + Sum(parts[at + 3]));
    }
}
