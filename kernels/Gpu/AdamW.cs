using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// AdamW in one pass: with g = gradientScale · gradient,
/// m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  p ← p − η (m/c₁ / (√(v/c₂) + ε) + λ p), and the gradient set to zero. A work item an
/// element.
/// </summary>
internal sealed class AdamW(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, AdamWNumbers> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, AdamWNumbers>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> parameter, ArrayView<float> gradient, ArrayView<float> m, ArrayView<float> v, AdamWNumbers n)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= parameter.IntLength) return;
        float g = n.GradientScale * gradient[i], p = parameter[i];
        float first = n.Beta1 * m[i] + (1f - n.Beta1) * g, second = n.Beta2 * v[i] + (1f - n.Beta2) * (g * g);
        m[i] = first;
        v[i] = second;
        float update = first / n.Correction1 / (XMath.Sqrt(second / n.Correction2) + n.Epsilon) + n.Decay * p;
        parameter[i] = p - n.LearningRate * update;
        gradient[i] = 0f;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> parameter, ArrayView<float> gradient, ArrayView<float> m, ArrayView<float> v, AdamWNumbers numbers) =>
        kernel(Launch.Items(parameter.Length), parameter, gradient, m, v, numbers);
}

/// <summary>The numbers of an update: η, β₁, β₂, ε, λ, the clipping factor, c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ.</summary>
internal readonly record struct AdamWNumbers(
    float LearningRate, float Beta1, float Beta2, float Epsilon, float Decay, float GradientScale, float Correction1, float Correction2);
