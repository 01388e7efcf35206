using System.Diagnostics;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// The most multiply-adds that one core can do: twelve independent chains in registers, no memory. The denominator of "fraction of peak".
/// </summary>
public static class FmaPeak
{
    private static float sink; // so that no chain is dead code

    /// <summary>Peak of one core in GFLOP/s, a multiply-add counted as two: the best of some runs of a few milliseconds.</summary>
    public static double GigaflopsPerCore { get; } = Measure();

    private static double Measure()
    {
        const int steps = 1_000_000, chains = 12;
        int lanes = Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector<float>.Count;
        double best = 0;
        for (int run = 0; run < 20; run++)
        {
            long start = Stopwatch.GetTimestamp();
            float sum = Vector512.IsHardwareAccelerated ? Chains512(steps) : Chains(steps);
            best = Math.Max(best, 2.0 * steps * chains * lanes / Stopwatch.GetElapsedTime(start).TotalNanoseconds);
            sink += sum;
        }

        return best;
    }

    // Touches no static field: the check that the class is initialised is a call, across which no vector stays in a register.
    private static float Chains512(int steps)
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(0.001f);
        Vector512<float> s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x;
        for (int i = 0; i < steps; i++)
        {
            s0 = Vector512.FusedMultiplyAdd(s0, x, y);
            s1 = Vector512.FusedMultiplyAdd(s1, x, y);
            s2 = Vector512.FusedMultiplyAdd(s2, x, y);
            s3 = Vector512.FusedMultiplyAdd(s3, x, y);
            s4 = Vector512.FusedMultiplyAdd(s4, x, y);
            s5 = Vector512.FusedMultiplyAdd(s5, x, y);
            s6 = Vector512.FusedMultiplyAdd(s6, x, y);
            s7 = Vector512.FusedMultiplyAdd(s7, x, y);
            s8 = Vector512.FusedMultiplyAdd(s8, x, y);
            s9 = Vector512.FusedMultiplyAdd(s9, x, y);
            s10 = Vector512.FusedMultiplyAdd(s10, x, y);
            s11 = Vector512.FusedMultiplyAdd(s11, x, y);
        }

        return Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    private static float Chains(int steps)
    {
        Vector<float> x = new(0.999f), y = new(0.001f);
        Vector<float> s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x;
        for (int i = 0; i < steps; i++)
        {
            s0 = Vector.MultiplyAddEstimate(s0, x, y);
            s1 = Vector.MultiplyAddEstimate(s1, x, y);
            s2 = Vector.MultiplyAddEstimate(s2, x, y);
            s3 = Vector.MultiplyAddEstimate(s3, x, y);
            s4 = Vector.MultiplyAddEstimate(s4, x, y);
            s5 = Vector.MultiplyAddEstimate(s5, x, y);
            s6 = Vector.MultiplyAddEstimate(s6, x, y);
            s7 = Vector.MultiplyAddEstimate(s7, x, y);
            s8 = Vector.MultiplyAddEstimate(s8, x, y);
            s9 = Vector.MultiplyAddEstimate(s9, x, y);
            s10 = Vector.MultiplyAddEstimate(s10, x, y);
            s11 = Vector.MultiplyAddEstimate(s11, x, y);
        }

        return Vector.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }
}
