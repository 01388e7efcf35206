using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Draws one token a row from logits of V, as the CPU's Sample does: softmax(logits / temperature), the topK most probable, of those the
/// fewest whose mass reaches topP, then the inverse of the cumulative distribution in the order of ids at uniforms[row]. Temperature 0
/// takes the most probable token, at ties the lowest id. Writes the id and its log-probability under the untruncated policy at temperature
/// 1. A −∞ logit is never drawn, unless all are: then id 0 with log-probability −∞. Against a work item a row that takes the most probable
/// tokens one by one: a team a row, and bisection.
/// </summary>
internal sealed class Sample(Accelerator accelerator, bool alone)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, SampleOptions,
        int> kernel = alone
        ? accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, SampleOptions,
            int>(Kernel<RowAlone>)
        : accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<float>, SampleOptions,
            int>(Kernel<RowTeam>);

    /// <summary>In the form for the accelerator.</summary>
    public Sample(Accelerator accelerator)
        : this(accelerator, RowLayout.OnCpu(accelerator))
    {
    }

    /// <summary>The kernel; a group is a team.</summary>
    internal static void Kernel<TTeam>(
        ArrayView<float> logits, ArrayView<float> uniforms, ArrayView<int> ids, ArrayView<float> logProbs, SampleOptions s, int team)
        where TTeam : struct, IRowTeam
    {
        int r = Grid.IdxX;
        long row = (long)r * s.V;
        float logZ = LogSumExpForward.OfRow<TTeam>(logits, row, s.V, team, out float max);
        bool greedy = s.Temperature == 0f || float.IsNegativeInfinity(logZ);
        float first = FirstOf<TTeam>(logits, row, s.V, max, team), drawn = Draw<TTeam>(logits, row, max, uniforms[r], team, s);
        if (Group.IdxX != 0) return;
        int id = (int)(greedy ? first : drawn);
        ids[r] = id;
        logProbs[r] = logits[row + id] - RowRuns.Finite(logZ);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> logits, ArrayView<float> uniforms, ArrayView<int> ids, ArrayView<float> logProbs,
        SampleOptions options)
    {
        int team = RowLayout.Team(options.V, alone);
        kernel(Launch.Groups(options.Rows, team), logits, uniforms, ids, logProbs, options, team);
    }

    // The lowest id of the largest logit; 0 if there is none. Ids below 2²⁴ are whole floats.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float FirstOf<TTeam>(ArrayView<float> x, long row, int V, float max, int team)
        where TTeam : struct, IRowTeam
    {
        int first = V;
        for (int j = Group.IdxX % team; j < V; j += team) first = first == V && x[row + j] == max ? j : first;
        float lowest = -TTeam.Max(-first, team);
        return lowest < V ? lowest : 0f;
    }

    // Work items have consecutive pieces of the row: the one in whose piece the cumulative distribution passes the target looks for the
    // token.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Draw<TTeam>(ArrayView<float> x, long row, float max, float uniform, int team, SampleOptions s)
        where TTeam : struct, IRowTeam
    {
        SampleCut cut = SampleCut.Of<TTeam>(x, row, max, team, s);
        int length = ((s.V + 7) / 8 + team - 1) / team * 8, start = Group.IdxX % team * length,
            end = start + length < s.V ? start + length : s.V;
        Compensated mass = new(0f, 0f);
        float between = 0f;
        for (int j = start; j < end; j += 8)
        {
            Float8 y = SampleCut.Distances(x, row, j, s.V, max);
            mass = mass.Plus(SampleCut.Weights(y, cut.Near, s.Temperature).Sum());
            if (cut.Ties > 0f) between += SampleCut.Within(y, cut.Far).Sum() - SampleCut.Within(y, cut.Near).Sum();
        }

        // Of the equally probable tokens at the edge, those in earlier pieces come first.
        float tieWeight = cut.Ties > 0f ? Lanes.Exp(-cut.Far / s.Temperature) : 0f;
        float ties = cut.Ties - TTeam.Before(new Compensated(between, 0f), team, out _).High;
        mass = mass.Plus(tieWeight * Bounded(ties, between));

        Compensated before = TTeam.Before(mass, team, out Compensated total), after = before.Plus(mass);
        float target = uniform * (total.High + total.Low), found = -1f;
        if (Reaches(after, target) && !Reaches(before, target))
        {
            found = Search(x, row, max, start, end, before, target, cut, ties, tieWeight, s);
        }
        found = TTeam.Max(found, team);

        // Where rounding leaves the target out of reach: the last token that is kept.
        float last = found < 0f ? Search(x, row, max, start, end, before, float.PositiveInfinity, cut, ties, tieWeight, s) : -1f;
        return Lanes.Larger(Lanes.Larger(found, TTeam.Max(last, team)), 0f);
    }

    // The kept token of a piece at which the sum exceeds the target: first the run of eight, then the token. Where rounding lets the sum of
    // a run exceed it, but no token's, the last kept one of the run; where no run does, that of the piece; −1 if the piece has none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Search(
        ArrayView<float> x, long row, float max, int start, int end, Compensated below, float target, SampleCut cut, float ties,
        float tieWeight, SampleOptions s)
    {
        int from = start, to = end;
        float left = ties, stop = float.PositiveInfinity;
        for (int j = start; j < end; j += 8)
        {
            Float8 y = SampleCut.Distances(x, row, j, s.V, max);
            Compensated next = below.Plus(SampleCut.Weights(y, cut.Near, s.Temperature).Sum());
            float between = 0f;
            if (cut.Ties > 0f)
            {
                between = SampleCut.Within(y, cut.Far).Sum() - SampleCut.Within(y, cut.Near).Sum();
                next = next.Plus(tieWeight * Bounded(left, between));
            }

            if (Reaches(next, target))
            {
                from = j;
                to = j + 8 < end ? j + 8 : end;
                ties = left;
                stop = target;
                break;
            }

            below = next;
            left -= between;
        }

        int token = -1;
        for (int j = from; j < to; j++)
        {
            float y = max - x[row + j];
            if (y > cut.Near)
            {
                if (!(y <= cut.Far) || ties < 1f) continue;
                ties -= 1f;
            }

            token = j;
            below = below.Plus(y > cut.Near ? tieWeight : SampleCut.Weight(y, cut.Near, s.Temperature));
            if (Reaches(below, stop)) break;
        }

        return token;
    }

    private static bool Reaches(Compensated sum, float target) => sum.High - target + sum.Low > 0f;

    private static float Bounded(float ties, float most) => ties < 0f ? 0f : ties < most ? ties : most;
}

/// <summary>Sizes and settings of a draw.</summary>
internal readonly record struct SampleOptions(int Rows, int V, float Temperature, int TopK, float TopP);
