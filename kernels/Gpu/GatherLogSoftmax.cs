using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// logProb = logits[id] − logZ with logZ = ln Σⱼ e^logitsⱼ (saved), per row of V; see <see cref="LogSumExpForward"/>. The log-probability
/// of a forbidden token is −∞. Against two kernels: the row's logZ is at hand when its token is looked up.
/// </summary>
internal sealed class GatherLogSoftmaxForward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, int> kernel =
        alone
        ? accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int,
            int>(Kernel<RowAlone>)
        : accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int,
            int>(Kernel<RowTeam>);

    /// <summary>In the form for the accelerator.</summary>
    public GatherLogSoftmaxForward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    internal static void Kernel<TTeam>(ArrayView<float> logits, ArrayView<int> ids, ArrayView<float> logProb, ArrayView<float> logZ,
        int rows, int V, int team)
        where TTeam : struct, IRowTeam
    {
        int r = RowLayout.Row(team), row = XMath.Min(r, rows - 1);
        float z = LogSumExpForward.OfRow<TTeam>(logits, (long)row * V, V, team);
        if (r >= rows || Group.IdxX % team != 0) return;
        logZ[r] = z;
        logProb[r] = logits[(long)r * V + ids[r]] - RowRuns.Finite(z);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<int> ids, ArrayView<float> logProb, ArrayView<float> logZ, int rows, int v)
    {
        int team = RowLayout.Team(v, alone);
        kernel(RowLayout.Groups(rows, team, alone), logits, ids, logProb, logZ, rows, v, team);
    }
}

/// <summary>
/// dlogitsⱼ += dlogProb ([j = id] − πⱼ) with π = e^(logits − logZ), per row of V; rows with dlogProb = 0 are left alone. Against two
/// kernels: whoever has the token's run adds the 1.
/// </summary>
internal sealed class GatherLogSoftmaxBackward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int,
        RowRuns> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int,
            RowRuns>(Kernel);

    /// <summary>In the form for the accelerator.</summary>
    public GatherLogSoftmaxBackward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> logits, ArrayView<float> logZ, ArrayView<int> ids, ArrayView<float> dlogProb, ArrayView<float> dlogits, int V,
        RowRuns runs)
    {
        int r = runs.Row(), start = runs.Start(), end = runs.End(V);
        if (r < 0 || dlogProb[r] == 0f) return;
        for (int j = start; j < end; j += 8)
        {
            LogSumExpBackward.AddSoftmax(logits, dlogits, (long)r * V + j, V - j, RowRuns.Finite(logZ[r]), -dlogProb[r]);
        }
        int id = ids[r];
        if (id >= start && id < end) dlogits[(long)r * V + id] += dlogProb[r];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> logZ, ArrayView<int> ids, ArrayView<float> dlogProb,
        ArrayView<float> dlogits, int rows, int v)
    {
        var runs = new RowRuns(rows, v, alone);
        kernel(runs.Groups(), logits, logZ, ids, dlogProb, dlogits, v, runs);
    }
}
