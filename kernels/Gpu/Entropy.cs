using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// H(π) = −Σⱼ πⱼ ln πⱼ in nats per row of V, with π = softmax(logits); saves logZ. Tokens with πⱼ = 0 contribute 0, and a row with only −∞
/// logits has entropy 0.
/// </summary>
internal sealed class EntropyForward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int> kernel = alone
        ? accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int>(Kernel<RowAlone>)
        : accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int>(Kernel<RowTeam>);

    /// <summary>In the form for the accelerator.</summary>
    public EntropyForward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    internal static void Kernel<TTeam>(ArrayView<float> logits, ArrayView<float> entropy, ArrayView<float> logZ, int rows, int V, int team)
        where TTeam : struct, IRowTeam
    {
        int r = RowLayout.Row(team), j = Group.IdxX % team * 8;
        long row = (long)XMath.Min(r, rows - 1) * V;
        float z = LogSumExpForward.OfRow<TTeam>(logits, row, V, team), shift = RowRuns.Finite(z);
        Float8 sums = default;
        for (; j <= V - 8; j += 8 * team)
        {
            sums = Lanes.Add(sums, KlDivergenceForward.Terms(Lanes.Load(logits, row + j), shift, default, 0f, 0f));
        }
        if (j < V)
        {
            sums = Lanes.Add(sums, KlDivergenceForward.Terms(Lanes.LoadSome(logits, row + j, V - j, float.NegativeInfinity), shift,
                default, 0f, 0f));
        }

        float sum = TTeam.Sum(sums.Sum(), team);
        if (r >= rows || Group.IdxX % team != 0) return;
        entropy[r] = 0f - sum;
        logZ[r] = z;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> entropy, ArrayView<float> logZ, int rows, int v)
    {
        int team = RowLayout.Team(v, alone);
        kernel(RowLayout.Groups(rows, team, alone), logits, entropy, logZ, rows, v, team);
    }
}

/// <summary>dlogitsⱼ −= dentropy πⱼ (ln πⱼ + H), per row of V; rows with dentropy = 0 are left alone.</summary>
internal sealed class EntropyBackward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int,
        RowRuns> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int,
            RowRuns>(Kernel);

    /// <summary>In the form for the accelerator.</summary>
    public EntropyBackward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> entropy, ArrayView<float> dentropy, ArrayView<float> dlogits,
        int V, RowRuns runs)
    {
        int r = runs.Row(), end = runs.End(V);
        if (r < 0 || dentropy[r] == 0f) return;
        float shift = RowRuns.Finite(logZ[r]);
        for (int j = runs.Start(); j < end; j += 8)
        {
            long at = (long)r * V + j;
            if (V - j >= 8)
            {
                Float8 sum = Lanes.Load(dlogits, at);
                Float8.MultiplyAdd(-dentropy[r], KlDivergenceForward.Terms(Lanes.Load(logits, at), shift, default, 0f, -entropy[r]),
                    ref sum);
                sum.Store(dlogits, at);
            }
            else
            {
                Float8 sum = Lanes.LoadSome(dlogits, at, V - j, 0f), x = Lanes.LoadSome(logits, at, V - j, float.NegativeInfinity);
                Float8.MultiplyAdd(-dentropy[r], KlDivergenceForward.Terms(x, shift, default, 0f, -entropy[r]), ref sum);
                sum.StoreSome(dlogits, at, V - j);
            }
        }
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> entropy, ArrayView<float> dentropy,
        ArrayView<float> dlogits, int rows, int v)
    {
        var runs = new RowRuns(rows, v, alone);
        kernel(runs.Groups(), logits, logZ, entropy, dentropy, dlogits, v, runs);
    }
}
