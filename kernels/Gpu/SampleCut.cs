using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Which tokens of a row may be drawn, by their distance y = max − logit ≥ 0 from the most probable: those with y ≤ Near, and of those up
/// to Far, which are equally probable, the first Ties by id. Found without sorting: by bisection on the bits of y, which are ordered like y
/// itself, since it is never negative. A pass counts, or weighs, the tokens up to a bound; passes end as soon as one token, or none, is in
/// question.
/// </summary>
internal struct SampleCut
{
    /// <summary>Tokens up to here are kept; −1 for none.</summary>
    public float Near;

    /// <summary>Of the tokens beyond Near up to here some are kept; Near itself where there are none such.</summary>
    public float Far;

    /// <summary>How many of them.</summary>
    public float Ties;

    /// <summary>
    /// The cut of softmax(logits / temperature) by topK (0: none), then by topP (1: none); a probability below e^−87 of the largest counts
    /// as 0. One pass over the row stands in a loop in a loop, and no pass depends on a condition: a compiler for a CPU doubles what
    /// follows a barrier that does.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SampleCut Of<TTeam>(ArrayView<float> x, long row, float max, int team, SampleOptions s)
        where TTeam : struct, IRowTeam
    {
        float all = XMath.Min(87f * s.Temperature, float.MaxValue);
        float size = Pass<TTeam>(x, row, max, team, s, all, out float allMass);
        var cut = new SampleCut { Near = all, Far = all, Ties = 0f };
        float kept = size, keptMass = allMass;
        for (int share = 0; share < 2; share++)
        {
            // Invariant: the tokens up to lo are too few, those up to hi enough.
            bool searching = share == 0 ? s.TopK > 0 && s.TopK < size : s.TopP < 1f && size > 0f;
            int lo = -1, hi = (int)Interop.FloatAsInt(cut.Far);
            float nearCount = 0f, nearMass = 0f, farCount = kept, farMass = keptMass;
            float enough = share == 0 ? s.TopK : s.TopP * keptMass;
            while (searching && hi - lo > 1 && farCount - nearCount > 1f && !(share == 0 && farCount == enough))
            {
                int middle = lo + (hi - lo) / 2;
                float count = Pass<TTeam>(x, row, max, team, s, Interop.IntAsFloat((uint)middle), out float mass);
                bool reached = (share == 0 ? count : mass) >= enough;
                hi = reached ? middle : hi;
                farCount = reached ? count : farCount;
                farMass = reached ? mass : farMass;
                lo = reached ? lo : middle;
                nearCount = reached ? nearCount : count;
                nearMass = reached ? nearMass : mass;
            }

            // Equally probable tokens are added one by one until there are enough.
            float far = Interop.IntAsFloat((uint)hi), near = lo < 0 ? -1f : Interop.IntAsFloat((uint)lo);
            float between = farCount - nearCount, weight = Lanes.Exp(-far / s.Temperature);
            float needed = share == 0 ? enough - nearCount : XMath.Ceiling((enough - nearMass) / weight);
            float ties = between > 1f ? XMath.Min(XMath.Max(needed, 1f), between) : between;
            if (searching)
            {
                cut = new SampleCut { Near = ties == between ? far : near, Far = far, Ties = ties == between ? 0f : ties };
                kept = nearCount + ties;
                keptMass = ties == between ? farMass : nearMass + ties * weight;
            }
        }

        return cut;
    }

    /// <summary>The weights e^(−y / temperature) of eight tokens, 0 past the bound.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Weights(Float8 y, float bound, float temperature) => new()
    {
        S0 = Weight(y.S0, bound, temperature),
        S1 = Weight(y.S1, bound, temperature),
        S2 = Weight(y.S2, bound, temperature),
        S3 = Weight(y.S3, bound, temperature),
        S4 = Weight(y.S4, bound, temperature),
        S5 = Weight(y.S5, bound, temperature),
        S6 = Weight(y.S6, bound, temperature),
        S7 = Weight(y.S7, bound, temperature),
    };

    /// <summary>1 for each of eight tokens up to the bound, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Within(Float8 y, float bound) => new()
    {
        S0 = y.S0 <= bound ? 1f : 0f,
        S1 = y.S1 <= bound ? 1f : 0f,
        S2 = y.S2 <= bound ? 1f : 0f,
        S3 = y.S3 <= bound ? 1f : 0f,
        S4 = y.S4 <= bound ? 1f : 0f,
        S5 = y.S5 <= bound ? 1f : 0f,
        S6 = y.S6 <= bound ? 1f : 0f,
        S7 = y.S7 <= bound ? 1f : 0f,
    };

    /// <summary>Eight distances from j on; +∞ past the end of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Distances(ArrayView<float> x, long row, int j, int V, float max) =>
        Lanes.AddScaled(max, -1f, V - j >= 8 ? Lanes.Load(x, row + j) : Lanes.LoadSome(x, row + j, V - j, float.NegativeInfinity));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Weight(float y, float bound, float temperature)
    {
        float weight = Lanes.Exp(-y / temperature);
        return y <= bound ? weight : 0f;
    }

    // How many tokens lie within a bound, and their mass.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Pass<TTeam>(ArrayView<float> x, long row, float max, int team, SampleOptions s, float bound, out float mass)
        where TTeam : struct, IRowTeam
    {
        Float8 counts = default;
        Compensated weights = new(0f, 0f);
        for (int j = Group.IdxX % team * 8; j < s.V; j += 8 * team)
        {
            Float8 y = Distances(x, row, j, s.V, max);
            counts = Lanes.Add(counts, Within(y, bound));
            weights = weights.Plus(Weights(y, bound, s.Temperature).Sum());
        }

        Compensated total = TTeam.Sum(weights, counts.Sum(), team, out float count); // counts are whole numbers below 2²⁴: exact
        mass = total.High + total.Low;
        return count;
    }
}
