// Lesson 3: the matrix product in four steps.
// Nearly all work of a transformer is C = A·B. Four programs for the same 2 n³ operations; each says what it mends (~ its speed here).
#:project ../MiniTransformer/MiniTransformer.csproj
using System.Diagnostics;
using System.Numerics;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;

const int n = 512;
var rng = new Rng(seed: 1);
float[] a = new float[n * n], b = new float[n * n], expected = new float[n * n];
for (int i = 0; i < n * n; i++) (a[i], b[i]) = ((float)rng.NextNormal(), (float)rng.NextNormal());

// 1. As it is written: c_ij = Σ_k a_ik b_kj. The inner loop walks down a column of B, a cache line for every number.
Measure("1. as written, i j k", c =>
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
        {
            c[i * n + j] = 0;
            for (int k = 0; k < n; k++) c[i * n + j] += a[i * n + k] * b[k * n + j];
        }
}, expected);

// 2. The loops in another order: now the inner one walks along rows of B and C, and a cache line serves sixteen numbers.
Measure("2. along the rows, i k j", c =>
{
    Array.Clear(c);
    for (int ik = 0; ik < n * n; ik++)
    {
        Span<float> to = c.AsSpan(ik / n * n, n), from = b.AsSpan(ik % n * n, n);
        for (int j = 0; j < to.Length; j++) to[j] += a[ik] * from[j];
    }
});

// 3. Vectors, and a tile of C, 4 rows by 2 vectors, in registers while k runs: C is written once, and a vector of B serves 4 rows.
Measure("3. vectors, a tile in registers", c =>
{
    int W = Vector<float>.Count;
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < n; j += 2 * W)
        {
            Vector<float> c00 = default, c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
            for (int k = 0; k < n; k++)
            {
                Vector<float> b0 = new(b, k * n + j), b1 = new(b, k * n + j + W);
                float a0 = a[i * n + k], a1 = a[(i + 1) * n + k], a2 = a[(i + 2) * n + k], a3 = a[(i + 3) * n + k];
                (c00, c01, c10, c11) = (c00 + a0 * b0, c01 + a0 * b1, c10 + a1 * b0, c11 + a1 * b1);
                (c20, c21, c30, c31) = (c20 + a2 * b0, c21 + a2 * b1, c30 + a3 * b0, c31 + a3 * b1);
            }

            Vector<float>[] tile = [c00, c01, c10, c11, c20, c21, c30, c31];
            for (int r = 0; r < 8; r++) tile[r].CopyTo(c, (i + r / 2) * n + j + r % 2 * W);
        }
});

// 4. The library's: a tile that fills the registers, fused multiply-adds, B in panels that the caches hold (kernels/Cpu/Gemm).
using var device = Device.Cpu(threads: 1);
using var tape = Tape.NoGrad(device);
Tensor ta = tape.Constant(a, new Shape(n, n)), tb = tape.Constant(b, new Shape(n, n)), tc = tape.New(new Shape(n, n));
Action<float[]> library = _ => device.Backend.MatMul(GemmForm.NN, ta.Storage, tb.Storage, tc.Storage, n, n, n, accumulate: false);
Measure("4. the library's", library + (c => tc.CopyTo(c)));

void Measure(string step, Action<float[]> multiply, float[]? into = null)
{
    float[] c = into ?? new float[n * n];
    multiply(c);                                                       // compiled, and its memory touched
    double best = double.MaxValue;
    for (int repeat = 0; repeat < 3; repeat++)
    {
        long start = Stopwatch.GetTimestamp();
        multiply(c);
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
    float error = c.Zip(expected, (x, y) => Math.Abs(x - y)).Max();
    string verdict = error < 1e-3f ? "the same product" : $"WRONG by {error}";
    Console.WriteLine($"{step}: {verdict}\n~ {2.0 * n * n * n / best / 1e9,8:F2} GFLOP/s");
}
