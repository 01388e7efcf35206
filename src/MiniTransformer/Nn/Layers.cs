using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>y = x · wᵀ, without bias; w is (out, in).</summary>
public sealed class Linear(ParameterSource source, int dIn, int dOut, float deviation)
{
    /// <summary>The weight, (out, in).</summary>
    public Parameter Weight { get; } = source.Take("weight", new Shape(dOut, dIn), new(0, deviation));

    /// <summary>(.., in) → (.., out).</summary>
    public Tensor Forward(Tensor x) => x.Linear(Weight);
}

/// <summary>Root-mean-square normalisation with a learned scale.</summary>
public sealed class RmsNorm(ParameterSource source, int c, float epsilon)
{
    /// <summary>The scale, (C), one at first.</summary>
    public Parameter Weight { get; } = source.Take("weight", new Shape(c), new(1, 0));

    /// <summary>(.., C) → (.., C).</summary>
    public Tensor Forward(Tensor x) => x.RmsNorm(Weight, epsilon);
}

/// <summary>The table of token vectors.</summary>
public sealed class Embedding(ParameterSource source, int v, int c, float deviation)
{
    /// <summary>The table, (V, C).</summary>
    public Parameter Weight { get; } = source.Take("weight", new Shape(v, c), new(0, deviation));

    /// <summary>(B, T) → (B, T, C).</summary>
    public Tensor Forward(TokenIds ids) => ((Tensor)Weight).Embedding(ids);
}

/// <summary>SwiGLU feed-forward: down(silu(gate(x)) · up(x)) (N. Shazeer, "GLU Variants Improve Transformer", 2020).</summary>
public sealed class Mlp(ParameterSource source, TransformerConfig config, InitScale init)
{
    private readonly Linear gate = new(source / "gate_proj", config.HiddenSize, config.IntermediateSize, init.Inner);
    private readonly Linear up = new(source / "up_proj", config.HiddenSize, config.IntermediateSize, init.Inner);
    private readonly Linear down = new(source / "down_proj", config.IntermediateSize, config.HiddenSize, init.Residual);

    /// <summary>(.., C) → (.., C).</summary>
    public Tensor Forward(Tensor x) => down.Forward(gate.Forward(x).SiluMultiply(up.Forward(x)));
}

/// <summary>
/// Deviations of new weights: √(2 / 5C) (T. Nguyen, J. Salazar, "Transformers without Tears", 2019), which is 0.02 at C = 1000 and more for
/// smaller models, or what the configuration says. What adds to the residual stream starts smaller, by 1/√(2·layers), so that the
/// stream's variance does not grow with depth (A. Radford et al., GPT-2, 2019).
/// </summary>
/// <param name="Inner">For all other matrices.</param>
/// <param name="Residual">For the output projections of attention and feed-forward.</param>
public readonly record struct InitScale(float Inner, float Residual)
{
    /// <summary>The deviations for a model of the given size.</summary>
    public static InitScale For(TransformerConfig config)
    {
        double inner = config.InitStd ?? Math.Sqrt(2.0 / (5.0 * config.HiddenSize));
        return new((float)inner, (float)(inner / Math.Sqrt(2.0 * config.NumLayers)));
    }
}
