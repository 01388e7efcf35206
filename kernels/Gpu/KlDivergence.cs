using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// KL(π‖π_ref) = Σⱼ πⱼ (ln πⱼ − ln π_refⱼ) per row of V, with π = softmax(logits), π_ref = softmax(reference); saves both log-sums. Tokens
/// with πⱼ = 0 contribute 0; a token that only the reference forbids makes the divergence +∞. Against three kernels: one, and the row is
/// near when it is read again.
/// </summary>
internal sealed class KlDivergenceForward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int,
        int, int> kernel = alone
        ? accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int,
            int>(Kernel<RowAlone>)
        : accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int,
            int>(Kernel<RowTeam>);

    /// <summary>In the form for the accelerator.</summary>
    public KlDivergenceForward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    internal static void Kernel<TTeam>(
        ArrayView<float> logits, ArrayView<float> reference, ArrayView<float> kl, ArrayView<float> logZ, ArrayView<float> referenceLogZ,
        int rows, int V, int team)
        where TTeam : struct, IRowTeam
    {
        int r = RowLayout.Row(team), j = Group.IdxX % team * 8;
        long row = (long)XMath.Min(r, rows - 1) * V;
        float z = LogSumExpForward.OfRow<TTeam>(logits, row, V, team), zq = LogSumExpForward.OfRow<TTeam>(reference, row, V, team);
        float shift = RowRuns.Finite(z), referenceShift = RowRuns.Finite(zq);
        Float8 sums = default;
        for (; j <= V - 8; j += 8 * team)
        {
            sums = Lanes.Add(sums, Terms(Lanes.Load(logits, row + j), shift, Lanes.Load(reference, row + j), referenceShift, 0f));
        }
        if (j < V)
        {
            Float8 x = Lanes.LoadSome(logits, row + j, V - j, float.NegativeInfinity), q = Lanes.LoadSome(reference, row + j, V - j, 0f);
            sums = Lanes.Add(sums, Terms(x, shift, q, referenceShift, 0f));
        }

        float sum = TTeam.Sum(sums.Sum(), team);
        if (r >= rows || Group.IdxX % team != 0) return;
        kl[r] = sum;
        logZ[r] = z;
        referenceLogZ[r] = zq;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> reference, ArrayView<float> kl, ArrayView<float> logZ,
        ArrayView<float> referenceLogZ, int rows, int v)
    {
        int team = RowLayout.Team(v, alone);
        kernel(RowLayout.Groups(rows, team, alone), logits, reference, kl, logZ, referenceLogZ, rows, v, team);
    }

    /// <summary>p (ln p − ln q − offset) with ln p = x − logZ, ln q = reference − referenceLogZ, and 0 where p = 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Float8 Terms(Float8 x, float logZ, Float8 reference, float referenceLogZ, float offset) => new()
    {
        S0 = Term(x.S0 - logZ, reference.S0 - referenceLogZ, offset),
        S1 = Term(x.S1 - logZ, reference.S1 - referenceLogZ, offset),
        S2 = Term(x.S2 - logZ, reference.S2 - referenceLogZ, offset),
        S3 = Term(x.S3 - logZ, reference.S3 - referenceLogZ, offset),
        S4 = Term(x.S4 - logZ, reference.S4 - referenceLogZ, offset),
        S5 = Term(x.S5 - logZ, reference.S5 - referenceLogZ, offset),
        S6 = Term(x.S6 - logZ, reference.S6 - referenceLogZ, offset),
        S7 = Term(x.S7 - logZ, reference.S7 - referenceLogZ, offset),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Term(float logP, float logQ, float offset)
    {
        float p = Lanes.Exp(logP), term = p * (logP - logQ - offset);
        return p == 0f ? 0f : term;
    }
}

/// <summary>
/// dlogitsⱼ += dkl πⱼ (ln πⱼ − ln π_refⱼ − KL), per row of V; the reference is a constant. Rows with dkl = 0 are left alone.
/// </summary>
internal sealed class KlDivergenceBackward(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
    ArrayView<float>,
        ArrayView<float>, int, RowRuns> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>,
            ArrayView<float>, int, RowRuns>(Kernel);

    /// <summary>In the form for the accelerator.</summary>
    public KlDivergenceBackward(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> reference, ArrayView<float> referenceLogZ, ArrayView<float> kl,
        ArrayView<float> dkl,
        ArrayView<float> dlogits, int V, RowRuns runs)
    {
        int r = runs.Row(), end = runs.End(V);
        if (r < 0 || dkl[r] == 0f) return;
        float shift = RowRuns.Finite(logZ[r]), referenceShift = RowRuns.Finite(referenceLogZ[r]);
        for (int j = runs.Start(); j < end; j += 8)
        {
            long at = (long)r * V + j;
            if (V - j >= 8)
            {
                Float8 sum = Lanes.Load(dlogits, at);
                Float8.MultiplyAdd(dkl[r],
                    KlDivergenceForward.Terms(Lanes.Load(logits, at), shift, Lanes.Load(reference, at), referenceShift, kl[r]), ref sum);
                sum.Store(dlogits, at);
            }
            else
            {
                Float8 sum = Lanes.LoadSome(dlogits, at, V - j, 0f), x = Lanes.LoadSome(logits, at, V - j, float.NegativeInfinity);
                Float8.MultiplyAdd(dkl[r],
                    KlDivergenceForward.Terms(x, shift, Lanes.LoadSome(reference, at, V - j, 0f), referenceShift, kl[r]), ref sum);
                sum.StoreSome(dlogits, at, V - j);
            }
        }
    }

    /// <summary>Starts it.</summary>
    public void Run(
        ArrayView<float> logits, ArrayView<float> logZ, ArrayView<float> reference, ArrayView<float> referenceLogZ, ArrayView<float> kl,
        ArrayView<float> dkl,
        ArrayView<float> dlogits, int rows, int v)
    {
        var runs = new RowRuns(rows, v, alone);
        kernel(runs.Groups(), logits, logZ, reference, referenceLogZ, kl, dkl, dlogits, v, runs);
    }
}
