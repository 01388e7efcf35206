using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// logZ = ln Σⱼ e^logitsⱼ, per row of V. A −∞ logit is a forbidden token and contributes 0; a row with only −∞ logits gives −∞.
/// Against a work item a row: neighbours read neighbouring memory, and the row is read once, with its maximum and its sum kept up together.
/// </summary>
internal sealed class LogSumExpForward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int, int> kernel = alone
        ? accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int, int>(Kernel<RowAlone>)
        : accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int, int>(Kernel<RowTeam>);

    /// <summary>In the form for the accelerator.</summary>
    public LogSumExpForward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    internal static void Kernel<TTeam>(ArrayView<float> logits, ArrayView<float> logZ, int rows, int V, int team)
        where TTeam : struct, IRowTeam
    {
        int r = RowLayout.Row(team), row = XMath.Min(r, rows - 1);
        float value = OfRow<TTeam>(logits, (long)row * V, V, team);
        if (r < rows && Group.IdxX % team == 0) logZ[r] = value;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> logZ, int rows, int v)
    {
        int team = RowLayout.Team(v, alone);
        kernel(RowLayout.Groups(rows, team, alone), logits, logZ, rows, v, team);
    }

    /// <summary>ln Σ e^x of the row at start, the same for the whole team.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float OfRow<TTeam>(ArrayView<float> x, long start, int V, int team)
        where TTeam : struct, IRowTeam => OfRow<TTeam>(x, start, V, team, out _);

    /// <summary>The same, with the row's largest element; <see cref="OnlineSum.Least"/> where all are −∞.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float OfRow<TTeam>(ArrayView<float> x, long start, int V, int team, out float top)
        where TTeam : struct, IRowTeam
    {
        Float8 max = Lanes.Create(OnlineSum.Least), sum = default;
        int j = Group.IdxX % team * 8;
        for (; j <= V - 8; j += 8 * team) OnlineSum.Add(Lanes.Load(x, start + j), ref max, ref sum);
        if (j < V) OnlineSum.Add(Lanes.LoadSome(x, start + j, V - j, float.NegativeInfinity), ref max, ref sum);

        float own = max.Max();
        top = TTeam.Max(own, team);
        float total = TTeam.Sum(OnlineSum.Total(max, sum, own) * Lanes.Exp(own - top), team);
        return total == 0f ? float.NegativeInfinity : top + XMath.Log(total);
    }
}

/// <summary>dlogitsⱼ += dlogZ πⱼ with π = e^(logits − logZ), per row of V; rows with dlogZ = 0 are left alone.</summary>
internal sealed class LogSumExpBackward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, RowRuns> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, RowRuns>(Kernel);

    /// <summary>In the form for the accelerator.</summary>
    public LogSumExpBackward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> dlogZ, ArrayView<float> dlogits, int V,
        RowRuns runs)
    {
        int r = runs.Row(), end = runs.End(V);
        if (r < 0 || dlogZ[r] == 0f) return;
        for (int j = runs.Start(); j < end; j += 8) AddSoftmax(logits, dlogits, (long)r * V + j, V - j, RowRuns.Finite(logZ[r]), dlogZ[r]);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> dlogZ, ArrayView<float> dlogits, int rows, int v)
    {
        var runs = new RowRuns(rows, v, alone);
        kernel(runs.Groups(), logits, logZ, dlogZ, dlogits, v, runs);
    }

    /// <summary>d += α e^(x − shift) for up to eight elements from `at` on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddSoftmax(ArrayView<float> x, ArrayView<float> d, long at, int exist, float shift, float alpha)
    {
        if (exist >= 8)
        {
            Float8 sum = Lanes.Load(d, at);
            Float8.MultiplyAdd(alpha, Lanes.Exp(Lanes.AddScaled(-shift, 1f, Lanes.Load(x, at))), ref sum);
            sum.Store(d, at);
        }
        else
        {
            Float8 sum = Lanes.LoadSome(d, at, exist, 0f);
            Float8.MultiplyAdd(alpha, Lanes.Exp(Lanes.AddScaled(-shift, 1f, Lanes.LoadSome(x, at, exist, float.NegativeInfinity))),
                ref sum);
            sum.StoreSome(d, at, exist);
        }
    }
}
