using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Keys (or values) of one head transposed into panels of 16 tokens, [T/16][D][16] with zeros past token T, so that a vector holds one
/// component of consecutive tokens and a score is a chain of fused multiply-adds over the components.
/// </summary>
internal static unsafe class KeyPanels
{
    /// <summary>Tokens in a panel.</summary>
    public const int Width = 16;

    /// <summary>n rounded up to whole panels.</summary>
    public static int RoundUp(int n) => (n + Width - 1) / Width * Width;

    /// <summary>panels[t/16, d, t%16] = x[t·stride + d] for t &lt; T, d &lt; D.</summary>
    public static void Pack(float* x, nint stride, int T, int D, float* panels)
    {
        int d8 = Avx.IsSupported ? D / 8 * 8 : 0;
        for (int t = 0; t < T; t += 8)
        {
            float* panel = panels + (nint)(t / Width) * Width * D + t % Width;
            int tokens = Math.Min(8, T - t);
            int from = tokens == 8 ? d8 : 0;
            for (int d = 0; d < from; d += 8) Transpose8(x + t * stride + d, stride, panel + d * Width);
            for (int d = from; d < D; d++)
            {
                for (int i = 0; i < 8; i++) panel[d * Width + i] = i < tokens ? x[(t + i) * stride + d] : 0f;
            }
        }

        if (T % Width is > 0 and <= 8)
        {
            float* last = panels + (nint)(T / Width) * Width * D + 8;
            for (int d = 0; d < D; d++) new Span<float>(last + d * Width, 8).Clear();
        }
    }

    // An 8×8 transpose in registers: pairs, quadruples, then halves change places.
    private static void Transpose8(float* x, nint stride, float* y)
    {
        Vector256<float> r0 = Vector256.Load(x), r1 = Vector256.Load(x + stride);
        Vector256<float> r2 = Vector256.Load(x + 2 * stride), r3 = Vector256.Load(x + 3 * stride);
        x += 4 * stride;
        Vector256<float> r4 = Vector256.Load(x), r5 = Vector256.Load(x + stride);
        Vector256<float> r6 = Vector256.Load(x + 2 * stride), r7 = Vector256.Load(x + 3 * stride);

        Vector256<float> a0 = Avx.UnpackLow(r0, r1), a1 = Avx.UnpackHigh(r0, r1), a2 = Avx.UnpackLow(r2, r3), a3 = Avx.UnpackHigh(r2, r3);
        Vector256<float> a4 = Avx.UnpackLow(r4, r5), a5 = Avx.UnpackHigh(r4, r5), a6 = Avx.UnpackLow(r6, r7), a7 = Avx.UnpackHigh(r6, r7);

        r0 = Avx.Shuffle(a0, a2, 0x44);
        r1 = Avx.Shuffle(a0, a2, 0xEE);
        r2 = Avx.Shuffle(a1, a3, 0x44);
        r3 = Avx.Shuffle(a1, a3, 0xEE);
        r4 = Avx.Shuffle(a4, a6, 0x44);
        r5 = Avx.Shuffle(a4, a6, 0xEE);
        r6 = Avx.Shuffle(a5, a7, 0x44);
        r7 = Avx.Shuffle(a5, a7, 0xEE);

        Avx.Permute2x128(r0, r4, 0x20).Store(y);
        Avx.Permute2x128(r1, r5, 0x20).Store(y + Width);
        Avx.Permute2x128(r2, r6, 0x20).Store(y + 2 * Width);
        Avx.Permute2x128(r3, r7, 0x20).Store(y + 3 * Width);
        Avx.Permute2x128(r0, r4, 0x31).Store(y + 4 * Width);
        Avx.Permute2x128(r1, r5, 0x31).Store(y + 5 * Width);
        Avx.Permute2x128(r2, r6, 0x31).Store(y + 6 * Width);
        Avx.Permute2x128(r3, r7, 0x31).Store(y + 7 * Width);
    }
}
