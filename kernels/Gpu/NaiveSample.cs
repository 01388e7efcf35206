using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Draws one token a row as the CPU's Sample does: softmax(logits / temperature), the topK most probable, of those the fewest whose mass
/// reaches topP, then the inverse of the cumulative distribution in the order of ids. The plain way: a work item a row, which takes the
/// most probable tokens one after the other; the last of them is the threshold.
/// </summary>
public sealed class NaiveSample(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, SampleOptions> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, SampleOptions>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> uniforms, ArrayView<int> ids, ArrayView<float> logProbs, SampleOptions s)
    {
        int r = Grid.GlobalIndex.X, V = s.V;
        if (r >= s.Rows) return;
        ArrayView<float> row = logits.SubView((long)r * V, V);
        int best = 0;
        for (int j = 1; j < V; j++) best = row[j] > row[best] ? j : best;
        float max = row[best];
        int id = s.Temperature == 0f || float.IsNegativeInfinity(max) ? best : Draw(row, max, uniforms[r], s);
        ids[r] = id;
        logProbs[r] = row[id] - (float.IsNegativeInfinity(logZ[r]) ? 0f : logZ[r]);
    }

    /// <summary>Starts it; logZ of the rows is at hand.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> uniforms, ArrayView<int> ids, ArrayView<float> logProbs, SampleOptions options) =>
        kernel(Launch.Items(options.Rows), logits, logZ, uniforms, ids, logProbs, options);

    private static int Draw(ArrayView<float> row, float max, float uniform, SampleOptions s)
    {
        // Kept are the tokens with a larger weight than the threshold's, and those of equal weight up to its id.
        float threshold = -1f;
        int thresholdId = s.V;
        var mass = new Compensated(0f, 0f);
        int limit = s.TopK > 0 && s.TopK < s.V ? s.TopK : s.V;
        if (limit < s.V || s.TopP < 1f)
        {
            var total = new Compensated(0f, 0f);
            if (limit < s.V)
            {
                // The mass of the topK alone is what topP is a share of.
                float last = float.PositiveInfinity;
                int lastId = -1;
                for (int n = 0; n < limit; n++)
                {
                    int next = Next(row, max, s, last, lastId);
                    if (next < 0) break;
                    last = Weight(row, next, max, s);
                    lastId = next;
                    total = total.Plus(last);
                }
            }
            else
            {
                for (int j = 0; j < s.V; j++) total = total.Plus(Weight(row, j, max, s));
            }

            float enough = s.TopP < 1f ? s.TopP * total.High : float.PositiveInfinity;
            threshold = float.PositiveInfinity;
            thresholdId = -1;
            for (int n = 0; n < limit && (n == 0 || mass.High < enough); n++)
            {
                int next = Next(row, max, s, threshold, thresholdId);
                if (next < 0) break;
                threshold = Weight(row, next, max, s);
                thresholdId = next;
                mass = mass.Plus(threshold);
            }
        }
        else
        {
            for (int j = 0; j < s.V; j++) mass = mass.Plus(Weight(row, j, max, s));
        }

        float target = uniform * (mass.High + mass.Low);
        var below = new Compensated(0f, 0f);
        int drawn = 0;
        for (int j = 0; j < s.V; j++)
        {
            float weight = Weight(row, j, max, s);
            if (weight == 0f || weight < threshold || (weight == threshold && j > thresholdId)) continue;
            drawn = j;
            below = below.Plus(weight);
            if (below.High + below.Low > target) return drawn;
        }

        return drawn;
    }

    // The most probable token after the given one, in the order of weight and then of id; −1 if there is none.
    private static int Next(ArrayView<float> row, float max, SampleOptions s, float weight, int id)
    {
        int next = -1;
        float best = 0f;
        for (int j = 0; j < s.V; j++)
        {
            float w = Weight(row, j, max, s);
            if ((w < weight || (w == weight && j > id)) && w > best)
            {
                best = w;
                next = j;
            }
        }

        return next;
    }

    private static float Weight(ArrayView<float> row, int j, float max, SampleOptions s) => XMath.Exp((row[j] - max) / s.Temperature);
}

/// <summary>Sizes and settings of a draw.</summary>
public readonly record struct SampleOptions(int Rows, int V, float Temperature, int TopK, float TopP);
