using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Causal attention the plain way: a work item an element of the result, which computes all the scores that it needs:
/// y = Σⱼ pⱼ vⱼ, pⱼ = e^(scale ⟨q, kⱼ⟩ − logSum). Its gradient likewise, with δ = ⟨dy, y⟩:
/// dsⱼ = pⱼ (⟨dy, vⱼ⟩ − δ) scale,  dq = Σⱼ dsⱼ kⱼ,  dk = Σᵢ dsᵢ qᵢ,  dv = Σᵢ pᵢ dyᵢ.
/// </summary>
public sealed class NaiveAttention(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, NaiveAttentionSize> logSums =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, NaiveAttentionSize>(LogSums);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, NaiveAttentionSize> forward =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, NaiveAttentionSize>(Forward);

    private readonly Action<KernelConfig, NaiveAttentionInputs, ArrayView<float>, NaiveAttentionSize> backwardQuery =
        accelerator.LoadStreamKernel<NaiveAttentionInputs, ArrayView<float>, NaiveAttentionSize>(BackwardQuery);

    private readonly Action<KernelConfig, NaiveAttentionInputs, ArrayView<float>, ArrayView<float>, NaiveAttentionSize> backwardKeyValue =
        accelerator.LoadStreamKernel<NaiveAttentionInputs, ArrayView<float>, ArrayView<float>, NaiveAttentionSize>(BackwardKeyValue);

    /// <summary>logSum[b, h, i] = ln Σ_{j ≤ i} e^(scale ⟨qᵢ, kⱼ⟩).</summary>
    public static void LogSums(ArrayView<float> q, ArrayView<float> k, ArrayView<float> logSum, ArrayView<float> unused, NaiveAttentionSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.B * s.H * s.T) return;
        int i = item % s.T, h = item / s.T % s.H, b = item / s.T / s.H;
        float max = float.NegativeInfinity, sum = 0f;
        for (int j = 0; j <= i; j++)
        {
            float score = s.Scale * Product(q, s.Query(b, i, h), k, s.Key(b, j, h), s.D), larger = XMath.Max(max, score);
            sum = sum * XMath.Exp(max - larger) + XMath.Exp(score - larger);
            max = larger;
        }

        logSum[item] = max + XMath.Log(sum);
    }

    /// <summary>y.</summary>
    public static void Forward(ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSum, ArrayView<float> y, NaiveAttentionSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.B * s.T * s.H * s.D) return;
        int d = item % s.D, h = item / s.D % s.H, i = item / s.D / s.H % s.T, b = item / s.D / s.H / s.T;
        float z = logSum[(b * s.H + h) * s.T + i], sum = 0f;
        for (int j = 0; j <= i; j++)
            sum += XMath.Exp(s.Scale * Product(q, s.Query(b, i, h), k, s.Key(b, j, h), s.D) - z) * v[s.Key(b, j, h) + d];
        y[item] = sum;
    }

    /// <summary>dq +=.</summary>
    public static void BackwardQuery(NaiveAttentionInputs x, ArrayView<float> dq, NaiveAttentionSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.B * s.T * s.H * s.D) return;
        int d = item % s.D, h = item / s.D % s.H, i = item / s.D / s.H % s.T, b = item / s.D / s.H / s.T;
        float sum = 0f;
        for (int j = 0; j <= i; j++) sum += x.ScoreGradient(s, b, h, i, j) * x.K[s.Key(b, j, h) + d];
        dq[item] += sum;
    }

    /// <summary>dk += and dv +=, over the query heads of the group.</summary>
    public static void BackwardKeyValue(NaiveAttentionInputs x, ArrayView<float> dk, ArrayView<float> dv, NaiveAttentionSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.B * s.T * s.Hkv * s.D) return;
        int d = item % s.D, hkv = item / s.D % s.Hkv, j = item / s.D / s.Hkv % s.T, b = item / s.D / s.Hkv / s.T, group = s.H / s.Hkv;
        float key = 0f, value = 0f;
        for (int h = hkv * group; h < (hkv + 1) * group; h++)
        {
            for (int i = j; i < s.T; i++)
            {
                key += x.ScoreGradient(s, b, h, i, j) * x.Q[s.Query(b, i, h) + d];
                value += x.Probability(s, b, h, i, j) * x.Dy[s.Query(b, i, h) + d];
            }
        }

        dk[item] += key;
        dv[item] += value;
    }

    /// <summary>Starts the forward pass.</summary>
    public void Run(ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, NaiveAttentionSize s)
    {
        logSums(Launch.Items((long)s.B * s.H * s.T), q, k, logSum, logSum, s);
        forward(Launch.Items(y.Length), q, k, v, logSum, y, s);
    }

    /// <summary>Starts the backward pass.</summary>
    public void RunBackward(NaiveAttentionInputs x, ArrayView<float> dq, ArrayView<float> dk, ArrayView<float> dv, NaiveAttentionSize s)
    {
        backwardQuery(Launch.Items(dq.Length), x, dq, s);
        backwardKeyValue(Launch.Items(dk.Length), x, dk, dv, s);
    }

    internal static float Product(ArrayView<float> a, int atA, ArrayView<float> b, int atB, int n)
    {
        float sum = 0f;
        for (int i = 0; i < n; i++) sum += a[atA + i] * b[atB + i];
        return sum;
    }
}

/// <summary>What the backward pass of attention reads.</summary>
public readonly record struct NaiveAttentionInputs(
    ArrayView<float> Q, ArrayView<float> K, ArrayView<float> V, ArrayView<float> Y, ArrayView<float> LogSum, ArrayView<float> Dy)
{
    internal float Probability(NaiveAttentionSize s, int b, int h, int i, int j) =>
        XMath.Exp(s.Scale * NaiveAttention.Product(Q, s.Query(b, i, h), K, s.Key(b, j, h), s.D) - LogSum[(b * s.H + h) * s.T + i]);

    internal float ScoreGradient(NaiveAttentionSize s, int b, int h, int i, int j)
    {
        float along = NaiveAttention.Product(Dy, s.Query(b, i, h), V, s.Key(b, j, h), s.D);
        float delta = NaiveAttention.Product(Dy, s.Query(b, i, h), Y, s.Query(b, i, h), s.D);
        return Probability(s, b, h, i, j) * (along - delta) * s.Scale;
    }
}

/// <summary>Sizes: q, y (B, T, H, D); k, v (B, T, Hkv, D).</summary>
public readonly record struct NaiveAttentionSize(int B, int T, int H, int Hkv, int D, float Scale)
{
    internal int Query(int b, int i, int h) => ((b * T + i) * H + h) * D;

    internal int Key(int b, int j, int h) => ((b * T + j) * Hkv + h / (H / Hkv)) * D;
}
