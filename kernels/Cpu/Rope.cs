using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Rotary position embedding (J. Su et al., "RoFormer", 2021) in the layout of Hugging Face's rotate_half: within each head of D
/// elements the pair (i, i + D/2) turns by the angle position · θᵢ,
/// y₁ = x₁ cos − x₂ sin, y₂ = x₂ cos + x₁ sin. Rows of x and y are (H, D), the tables (positions, D/2).
/// sign = +1 turns forward, −1 back (the transpose, hence the backward pass); with accumulate the result is added to y.
/// Items are rows; y may be x unless it accumulates.
/// </summary>
internal readonly unsafe struct Rope(
    float* x, int* positions, float* cos, float* sin, float* y, int H, int D, float sign, bool accumulate) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count, half = D / 2;
        Vector<float> direction = Vector.Create(sign);
        for (int r = start; r < end; r++)
        {
            float* c = cos + (long)positions[r] * half, s = sin + (long)positions[r] * half;
            for (int h = 0; h < H; h++)
            {
                float* x1 = x + ((long)r * H + h) * D, x2 = x1 + half;
                float* y1 = y + ((long)r * H + h) * D, y2 = y1 + half;
                int i = 0;
                for (; i <= half - W; i += W)
                {
                    Vector<float> a = Vector.Load(x1 + i), b = Vector.Load(x2 + i);
                    Vector<float> vc = Vector.Load(c + i), vs = Vector.Load(s + i) * direction;
                    Vector<float> first = a * vc - b * vs, second = b * vc + a * vs;
                    if (accumulate)
                    {
                        first += Vector.Load(y1 + i);
                        second += Vector.Load(y2 + i);
                    }

                    Vector.Store(first, y1 + i);
                    Vector.Store(second, y2 + i);
                }

                for (; i < half; i++)
                {
                    float a = x1[i], b = x2[i], vs = s[i] * sign;
                    float first = a * c[i] - b * vs, second = b * c[i] + a * vs;
                    y1[i] = accumulate ? first + y1[i] : first;
                    y2[i] = accumulate ? second + y2[i] : second;
                }
            }
        }
    }
}
