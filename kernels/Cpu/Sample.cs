using System.Numerics;
using System.Runtime.CompilerServices;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Draws one token a row from logits of V, in this order: softmax(logits / temperature); the topK most probable tokens (0: all; ties
/// go to the lower id); the smallest set of the most probable of those whose mass reaches topP of theirs (1: all). The draw inverts the
/// cumulative distribution in the order of ids at uniforms[row] in [0, 1). Temperature 0 takes the most probable token, at ties the
/// lowest id. Writes the id and its log-probability under the untruncated policy at temperature 1, as
/// <see cref="GatherLogSoftmaxForward"/> computes it. A −∞ logit is never drawn, unless all are: then id 0 with log-probability −∞.
/// Items are rows.
/// </summary>
internal readonly unsafe struct Sample(
    float* logits, float* uniforms, int* ids, float* logProbs, int V, float temperature, int topK, float topP) : IKernel
{
    // Probabilities are added in blocks, so that the search skips a block at a time.
    private const int BlockSize = 64;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++)
        {
            float* row = logits + (long)r * V;
            float max = Row.Max(row, V);
            bool greedy = temperature == 0f || float.IsNegativeInfinity(max);
            bool truncated = (topK > 0 && topK < V) || topP < 1f;
            int id = greedy ? FirstOf(row, max) : truncated ? DrawTruncated(row, max, uniforms[r]) : DrawAny(row, max, uniforms[r]);
            ids[r] = id;
            logProbs[r] = row[id] - Row.Finite(Row.LogSumExp(row, V));
        }
    }

    private int FirstOf(float* row, float value) => Math.Max(0, new ReadOnlySpan<float>(row, V).IndexOf(value));

    private int DrawAny(float* row, float max, float uniform)
    {
        // Weights e^((logit − max)/temperature), and their sum in every block.
        int blocks = (V + BlockSize - 1) / BlockSize;
        float* weights = (float*)NativeScratch.Rent((long)blocks * BlockSize * sizeof(float));
        Weigh(row, max, weights, blocks * BlockSize);

        double total = 0;
        for (int b = 0; b < blocks; b++) total += BlockSum(weights + b * BlockSize);
        double target = uniform * total, below = 0;
        int drawn = 0;
        for (int b = 0; b < blocks; b++)
        {
            double sum = BlockSum(weights + b * BlockSize);
            if (below + sum <= target)
            {
                below += sum;
                continue;
            }

            for (int j = b * BlockSize; j < (b + 1) * BlockSize; j++)
            {
                if (weights[j] == 0f) continue;
                drawn = j;
                below += weights[j];
                if (below > target) break;
            }

            return drawn; // where rounding leaves the target out of reach: the block's last possible token
        }

        for (int j = 0; j < V; j++) drawn = weights[j] > 0f ? j : drawn;
        return drawn;
    }

    private int DrawTruncated(float* row, float max, float uniform)
    {
        // A key orders tokens by weight (non-negative floats are ordered like their bits), ties by lower id. A heap of all keys costs
        // O(V) to build and O(log V) for every token that is kept.
        int padded = (V + BlockSize - 1) / BlockSize * BlockSize;
        ulong* heap = (ulong*)NativeScratch.Rent(padded * (long)(sizeof(ulong) + sizeof(float) + sizeof(int)));
        float* weights = (float*)(heap + padded);
        int* kept = (int*)(weights + padded);
        Weigh(row, max, weights, padded);
        int size = 0;
        double total = 0;
        for (int j = 0; j < V; j++)
        {
            if (weights[j] == 0f) continue;
            heap[size++] = ((ulong)BitConverter.SingleToUInt32Bits(weights[j]) << 32) | (uint.MaxValue - (uint)j);
            total += weights[j];
        }

        for (int i = size / 2 - 1; i >= 0; i--) SiftDown(heap, i, size);

        int limit = topK > 0 && topK < size ? topK : size, count = 0;
        bool limited = limit < size;
        double mass = 0;
        while (count < limit && (limited || count == 0 || mass < topP * total))
        {
            int id = (int)(uint.MaxValue - (uint)heap[0]);
            kept[count++] = id;
            mass += weights[id];
            heap[0] = heap[--size];
            SiftDown(heap, 0, size);
        }

        if (limited && topP < 1f)
        {
            double enough = topP * mass;
            mass = weights[kept[0]];
            int nucleus = 1;
            while (nucleus < count && mass < enough) mass += weights[kept[nucleus++]];
            count = nucleus;
        }

        new Span<int>(kept, count).Sort();
        double target = uniform * mass, below = 0;
        for (int i = 0; i < count; i++)
        {
            below += weights[kept[i]];
            if (below > target) return kept[i];
        }

        return kept[count - 1];
    }

    // Writes the weights of a row and zeros up to the padded length.
    private void Weigh(float* row, float max, float* weights, int padded)
    {
        int W = Vector<float>.Count, j = 0;
        Vector<float> shift = Vector.Create(max), divisor = Vector.Create(temperature);
        for (; j <= V - W; j += W) Vector.Store(VectorMath.Exp((Vector.Load(row + j) - shift) / divisor), weights + j);
        if (j < V) WeighTail(row + j, shift, divisor, weights + j, V - j);
        new Span<float>(weights + V, padded - V).Clear();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WeighTail(float* row, Vector<float> shift, Vector<float> divisor, float* weights, int count) =>
        PartialVector.Store(VectorMath.Exp((PartialVector.Load(row, count) - shift) / divisor), weights, count);

    private static double BlockSum(float* weights)
    {
        Vector<float> sum = Vector<float>.Zero;
        for (int j = 0; j < BlockSize; j += Vector<float>.Count) sum += Vector.Load(weights + j);
        return Vector.Sum(sum);
    }

    private static void SiftDown(ulong* heap, int i, int size)
    {
        if (i >= size) return;
        ulong key = heap[i];
        while (2 * i + 1 < size)
        {
            int child = 2 * i + 1;
            if (child + 1 < size && heap[child + 1] > heap[child]) child++;
            if (heap[child] <= key) break;
            heap[i] = heap[child];
            i = child;
        }

        heap[i] = key;
    }
}
