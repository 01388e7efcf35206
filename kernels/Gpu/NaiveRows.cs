using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>The functions of rows of logits, (rows, V), the plain way: a work item a row. A −∞ logit is a forbidden token.</summary>
public sealed class NaiveRows(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int> logSumExp =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int>(LogSumExp);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int> addSoftmax =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>(AddSoftmax);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int> gather =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int>(Gather);

    private readonly Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int> scatter =
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int>(Scatter);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int> kl =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>(Kl);

    private readonly Action<KernelConfig, KlInputs, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int> klBackward =
        accelerator.LoadStreamKernel<KlInputs, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>(KlBackward);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int> entropy =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>(Entropy);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int> entropyBackward =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>(EntropyBackward);

    /// <summary>logZ = ln Σⱼ e^xⱼ.</summary>
    public static void LogSumExp(ArrayView<float> x, ArrayView<float> logZ, int rows, int V)
    {
        int r = Grid.GlobalIndex.X;
        if (r >= rows) return;
        long row = (long)r * V;
        float max = float.NegativeInfinity, sum = 0f;
        for (int j = 0; j < V; j++) max = XMath.Max(max, x[row + j]);
        float shift = Finite(max);
        for (int j = 0; j < V; j++) sum += XMath.Exp(x[row + j] - shift);
        logZ[r] = sum > 0f ? shift + XMath.Log(sum) : float.NegativeInfinity;
    }

    /// <summary>dxⱼ += sign · αᵣ e^(xⱼ − logZ), with sign −1 where negative is 1.</summary>
    public static void AddSoftmax(ArrayView<float> x, ArrayView<float> logZ, ArrayView<float> alpha, ArrayView<float> dx, int V, int negative)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= dx.IntLength) return;
        int r = item / V;
        float a = negative != 0 ? -alpha[r] : alpha[r];
        if (a != 0f) dx[item] += a * XMath.Exp(x[item] - Finite(logZ[r]));
    }

    /// <summary>y[r] = x[r, ids[r]] − shift[r].</summary>
    public static void Gather(ArrayView<float> x, ArrayView<int> ids, ArrayView<float> shift, ArrayView<float> y, int V, int withShift)
    {
        int r = Grid.GlobalIndex.X;
        if (r < y.IntLength) y[r] = x[(long)r * V + ids[r]] - (withShift != 0 ? Finite(shift[r]) : 0f);
    }

    /// <summary>dx[r, ids[r]] += dy[r].</summary>
    public static void Scatter(ArrayView<int> ids, ArrayView<float> dy, ArrayView<float> dx, int rows, int V)
    {
        int r = Grid.GlobalIndex.X;
        if (r < rows) dx[(long)r * V + ids[r]] += dy[r];
    }

    /// <summary>KL = Σⱼ πⱼ (ln πⱼ − ln π_refⱼ).</summary>
    public static void Kl(ArrayView<float> x, ArrayView<float> reference, ArrayView<float> logZ, ArrayView<float> referenceLogZ, ArrayView<float> kl, int rows, int V)
    {
        int r = Grid.GlobalIndex.X;
        if (r >= rows) return;
        long row = (long)r * V;
        float sum = 0f, z = Finite(logZ[r]), zq = Finite(referenceLogZ[r]);
        for (int j = 0; j < V; j++) sum += Term(x[row + j] - z, reference[row + j] - zq, 0f);
        kl[r] = sum;
    }

    /// <summary>dxⱼ += dkl πⱼ (ln πⱼ − ln π_refⱼ − KL).</summary>
    public static void KlBackward(KlInputs n, ArrayView<float> kl, ArrayView<float> dkl, ArrayView<float> dx, int rows, int V)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= dx.IntLength) return;
        int r = item / V;
        if (dkl[r] == 0f) return;
        dx[item] += dkl[r] * Term(n.X[item] - Finite(n.LogZ[r]), n.Reference[item] - Finite(n.ReferenceLogZ[r]), kl[r]);
    }

    /// <summary>H = −Σⱼ πⱼ ln πⱼ.</summary>
    public static void Entropy(ArrayView<float> x, ArrayView<float> logZ, ArrayView<float> entropy, int rows, int V)
    {
        int r = Grid.GlobalIndex.X;
        if (r >= rows) return;
        long row = (long)r * V;
        float sum = 0f, z = Finite(logZ[r]);
        for (int j = 0; j < V; j++) sum -= Term(x[row + j] - z, 0f, 0f);
        entropy[r] = sum;
    }

    /// <summary>dxⱼ −= dentropy πⱼ (ln πⱼ + H).</summary>
    public static void EntropyBackward(ArrayView<float> x, ArrayView<float> logZ, ArrayView<float> entropy, ArrayView<float> dentropy, ArrayView<float> dx, int rows, int V)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= dx.IntLength) return;
        int r = item / V;
        if (dentropy[r] != 0f) dx[item] -= dentropy[r] * Term(x[item] - Finite(logZ[r]), 0f, -entropy[r]);
    }

    /// <summary>Starts <see cref="LogSumExp"/>.</summary>
    public void RunLogSumExp(ArrayView<float> x, ArrayView<float> logZ, int rows, int v) => logSumExp(Launch.Items(rows), x, logZ, rows, v);

    /// <summary>Starts <see cref="AddSoftmax"/>.</summary>
    public void RunAddSoftmax(ArrayView<float> x, ArrayView<float> logZ, ArrayView<float> alpha, ArrayView<float> dx, int v, bool negative) =>
        addSoftmax(Launch.Items(dx.Length), x, logZ, alpha, dx, v, negative ? 1 : 0);

    /// <summary>Starts <see cref="Gather"/>.</summary>
    public void RunGather(ArrayView<float> x, ArrayView<int> ids, ArrayView<float>? shift, ArrayView<float> y, int v) =>
        gather(Launch.Items(y.Length), x, ids, shift ?? y, y, v, shift is null ? 0 : 1);

    /// <summary>Starts <see cref="Scatter"/>.</summary>
    public void RunScatter(ArrayView<int> ids, ArrayView<float> dy, ArrayView<float> dx, int rows, int v) => scatter(Launch.Items(rows), ids, dy, dx, rows, v);

    /// <summary>Starts <see cref="Kl"/>.</summary>
    public void RunKl(ArrayView<float> x, ArrayView<float> reference, ArrayView<float> logZ, ArrayView<float> referenceLogZ, ArrayView<float> y, int rows, int v) =>
        kl(Launch.Items(rows), x, reference, logZ, referenceLogZ, y, rows, v);

    /// <summary>Starts <see cref="KlBackward"/>.</summary>
    public void RunKlBackward(KlInputs inputs, ArrayView<float> y, ArrayView<float> dkl, ArrayView<float> dx, int rows, int v) =>
        klBackward(Launch.Items(dx.Length), inputs, y, dkl, dx, rows, v);

    /// <summary>Starts <see cref="Entropy"/>.</summary>
    public void RunEntropy(ArrayView<float> x, ArrayView<float> logZ, ArrayView<float> y, int rows, int v) => entropy(Launch.Items(rows), x, logZ, y, rows, v);

    /// <summary>Starts <see cref="EntropyBackward"/>.</summary>
    public void RunEntropyBackward(ArrayView<float> x, ArrayView<float> logZ, ArrayView<float> y, ArrayView<float> dentropy, ArrayView<float> dx, int rows, int v) =>
        entropyBackward(Launch.Items(dx.Length), x, logZ, y, dentropy, dx, rows, v);

    private static float Finite(float x) => float.IsNegativeInfinity(x) ? 0f : x;

    // p (ln p − ln q − offset), and 0 where p = 0.
    private static float Term(float logP, float logQ, float offset)
    {
        float p = XMath.Exp(logP);
        return p == 0f ? 0f : p * (logP - logQ - offset);
    }
}

/// <summary>What the gradient of the KL divergence reads.</summary>
public readonly record struct KlInputs(ArrayView<float> X, ArrayView<float> LogZ, ArrayView<float> Reference, ArrayView<float> ReferenceLogZ);
