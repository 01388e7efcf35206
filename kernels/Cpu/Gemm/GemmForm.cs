namespace MiniTransformer.Kernels.Cpu;

/// <summary>Which operand of a matrix product is stored transposed. All matrices are row-major and contiguous; C is (M, N).</summary>
public enum GemmForm
{
    /// <summary>C = A·B with A (M, K) and B (K, N): the gradient of a linear layer's input, dx = dy·w.</summary>
    NN,

    /// <summary>C = A·Bᵀ with A (M, K) and B (N, K): a linear layer, y = x·wᵀ.</summary>
    NT,

    /// <summary>C = Aᵀ·B with A (K, M) and B (K, N): the gradient of a linear layer's weight, dw = dyᵀ·x.</summary>
    TN,
}
