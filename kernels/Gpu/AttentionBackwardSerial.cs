using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// <see cref="AttentionBackward"/> for devices that compute on a CPU: a work item has one key-value head of one sequence to itself, with
/// all the query heads that read it, and forms the scores once for all three gradients, in tiles of 32 queries by 32 keys.
/// </summary>
internal sealed class AttentionBackwardSerial(Accelerator accelerator)
{
    private const int Size = AttentionSerial.Size;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, AttentionShape, int> delta =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, AttentionShape,
            int>(AttentionBackward.DeltaKernel);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
    ArrayView<float>,
        ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, AttentionShape> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>,
            ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, AttentionShape>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSum, ArrayView<float> dy, ArrayView<float> delta,
        ArrayView<float> dq, ArrayView<float> dk, ArrayView<float> dv, ArrayView<int> starts, AttentionShape s)
    {
        // kᵀ and vᵀ (64, 32); p and ds (32, 32).
        ArrayView<float> keys = SharedMemory.Allocate<float>(AttentionSerial.Depth * Size),
            values = SharedMemory.Allocate<float>(AttentionSerial.Depth * Size);
        ArrayView<float> p = SharedMemory.Allocate<float>(Size * Size), ds = SharedMemory.Allocate<float>(Size * Size);
        int start = starts[Grid.IdxX / s.Hkv], T = starts[Grid.IdxX / s.Hkv + 1] - start, hkv = Grid.IdxX % s.Hkv, heads = s.H / s.Hkv,
            queryStride = s.H * s.D, keyStride = s.Hkv * s.D;
        Float4 one = AttentionTile.Four(1f, 1f, 1f, 1f);
        for (int j0 = 0; j0 < T; j0 += Size)
        {
            long key = ((long)(start + j0) * s.Hkv + hkv) * s.D;
            int seen = XMath.Min(Size, T - j0), columns = seen > AttentionSerial.Width ? Size : AttentionSerial.Width, packed = -1;
            for (int h = hkv * heads; h < (hkv + 1) * heads; h++)
            {
                for (int i0 = j0; i0 < T && s.Meets(i0, j0, Size); i0 += Size)
                {
                    int queries = XMath.Min(Size, T - i0);
                    long query = ((long)(start + i0) * s.H + h) * s.D, statistics = (long)h * s.N + start + i0;
                    for (int d = 0; d < s.D; d += AttentionSerial.Depth)
                    {
                        int depth = XMath.Min(AttentionSerial.Depth, s.D - d);
                        if (d != packed)
                        {
                            AttentionSerial.Pack(k, key, keyStride, seen, d, depth, keys);
                            AttentionSerial.Pack(v, key, keyStride, seen, d, depth, values);
                            packed = d;
                        }

                        for (int r = 0; r < queries; r += 4)
                        {
                            long at = query + (long)r * queryStride;
                            AttentionSerial.Scores(q, at, queryStride, queries - r, d, depth, keys, columns, p, r * Size);
                            AttentionSerial.Scores(dy, at, queryStride, queries - r, d, depth, values, columns, ds, r * Size);
                        }
                    }

                    for (int r = 0; r < queries; r++)
                    {
                        int first = i0 + r - s.Window + 1 - j0, visible = XMath.Min(seen, i0 + r + 1 - j0);
                        Gradient(p, ds, r, first, visible, s.Scale, logSum[statistics + r], delta[statistics + r]);
                    }

                    for (int r = 0; r < queries; r += 4)
                    {
                        // dq: four rows share the keys of the last of them.
                        int rows = XMath.Min(4, queries - r), length = XMath.Min(seen, i0 + r + rows - j0);
                        AttentionSerial.AddProduct(ds, r * Size, Size, 1, rows, k, key, keyStride, length, one, dq,
                            query + (long)r * queryStride, queryStride, s.D);
                    }

                    for (int j = 0; j < seen; j += 4)
                    {
                        // dk and dv: four keys share the rows that see the first of them.
                        int rows = XMath.Min(4, seen - j), first = XMath.Max(0, j0 + j - i0), length = queries - first;
                        long from = query + (long)first * queryStride, to = key + (long)j * keyStride;
                        AttentionSerial.AddProduct(ds, first * Size + j, 1, Size, rows, q, from, queryStride, length, one, dk, to,
                            keyStride, s.D);
                        AttentionSerial.AddProduct(p, first * Size + j, 1, Size, rows, dy, from, queryStride, length, one, dv, to,
                            keyStride, s.D);
                    }
                }
            }
        }
    }

    /// <summary>Starts it; scratch as for <see cref="AttentionBackward.ScratchLength"/>.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<float> dy,
        ArrayView<float> scratch, ArrayView<float> dq, ArrayView<float> dk, ArrayView<float> dv, ArrayView<int> starts, AttentionShape s)
    {
        delta(Launch.Items((long)s.N * s.H), y, dy, scratch, s, s.N * s.H);
        kernel(Launch.Groups((long)s.B * s.Hkv, 1), q, k, v, logSum, dy, scratch, dq, dk, dv, starts, s);
    }

    // A row of scores to p, of ⟨dy, vⱼ⟩ to ds = scale · p (⟨dy, vⱼ⟩ − δ); 0 before column `first`
    // and from column `visible` on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gradient(ArrayView<float> p, ArrayView<float> ds, int row, int first, int visible, float scale, float logSum,
        float delta)
    {
        for (int j = 0; j < XMath.Min(first, visible); j++)
        {
            p[row * Size + j] = float.NegativeInfinity;
            ds[row * Size + j] = 0f;
        }

        for (int j = visible; j < Size; j++)
        {
            p[row * Size + j] = float.NegativeInfinity;
            ds[row * Size + j] = 0f;
        }

        for (int j = 0; j < Size; j += 8)
        {
            int at = row * Size + j;
            Float8 probability = Lanes.Exp(Lanes.AddScaled(-logSum, scale, Lanes.Load(p, at)));
            probability.Store(p, at);
            Lanes.Multiply(probability, Lanes.AddScaled(-scale * delta, scale, Lanes.Load(ds, at))).Store(ds, at);
        }
    }
}
