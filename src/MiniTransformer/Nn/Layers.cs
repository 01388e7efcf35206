using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>y = x · wᵀ, or x · wᵀ + b; w is (out, in). Where the source adapts it, w is w + s·B·A.</summary>
public sealed class Linear(ParameterSource source, int dIn, int dOut, float deviation, bool biased = false)
{
    /// <summary>The weight, (out, in).</summary>
    public Parameter Weight { get; } = source.Take("weight", new Shape(dOut, dIn), new(0, deviation));

    /// <summary>The bias, (out), zero at first; null where there is none.</summary>
    public Parameter? Bias { get; } = biased ? source.Take("bias", new Shape(dOut), new(0, 0)) : null;

    /// <summary>What adapts the weight; null where nothing does.</summary>
    public Adapter? Adapter { get; } = Adapter.Of(source, dIn, dOut);

    /// <summary>(.., in) → (.., out).</summary>
    public Tensor Forward(Tensor x)
    {
        Tensor y = Adapter?.Forward(x, Weight) ?? x.Linear(Weight);
        return Bias is null ? y : y.AddRow(Bias);
    }
}

/// <summary>The norm of a family, over the last dimension.</summary>
public sealed class Norm(ParameterSource source, NormKind kind, int c, float epsilon)
{
    /// <summary>The scale, (C): one at first, or zero where it is 1 + w.</summary>
    public Parameter Weight { get; } = source.Take("weight", new Shape(c), new(kind == NormKind.RmsOnePlus ? 0 : 1, 0));

    /// <summary>The shift of a layer norm, (C), zero at first; null for the others.</summary>
    public Parameter? Bias { get; } = kind == NormKind.Layer ? source.Take("bias", new Shape(c), new(0, 0)) : null;

    /// <summary>(.., C) → (.., C). A layer norm is the RMS norm of what is left when the mean is taken away: var x = mean (x − mean
    /// x)².</summary>
    public Tensor Forward(Tensor x) => kind switch
    {
        NormKind.RmsOnePlus => x.RmsNormOnePlus(Weight, epsilon),
        NormKind.Layer => x.Centre().RmsNorm(Weight, epsilon).AddRow(Bias!),
        _ => x.RmsNorm(Weight, epsilon),
    };
}

/// <summary>The table of token vectors.</summary>
public sealed class Embedding(ParameterSource source, int v, int c, float deviation)
{
    /// <summary>The table, (V, C).</summary>
    public Parameter Weight { get; } = source.Take("weight", new Shape(v, c), new(0, deviation));

    /// <summary>(N) → (N, C).</summary>
    public Tensor Forward(TokenIds ids) => ((Tensor)Weight).Embedding(ids);
}

/// <summary>
/// The perceptron of a block: down(act(gate x) · up x) with SiLU or GELU (N. Shazeer, "GLU Variants Improve Transformer", 2020), or
/// without a gate down(gelu(up x)).
/// </summary>
internal sealed class Mlp
{
    private readonly MlpKind kind;
    private readonly Linear? gate;
    private readonly Linear up;
    private readonly Linear down;

    /// <summary>Takes the two or three projections from the source.</summary>
    public Mlp(ParameterSource source, TransformerConfig config, InitScale init)
    {
        (int c, int inner, bool biased) = (config.HiddenSize, config.IntermediateSize, config.Form.MlpBias);
        kind = config.Form.Mlp;
        gate = kind == MlpKind.Gelu ? null : new Linear(source / "gate_proj", c, inner, init.Inner, biased);
        up = new Linear(source / "up_proj", c, inner, init.Inner, biased);
        down = new Linear(source / "down_proj", inner, c, init.Residual, biased);
    }

    /// <summary>(.., C) → (.., C).</summary>
    public Tensor Forward(Tensor x) => down.Forward(kind switch
    {
        MlpKind.SwiGlu => gate!.Forward(x).SiluMultiply(up.Forward(x)),
        MlpKind.GeGlu => gate!.Forward(x).GeluMultiply(up.Forward(x)),
        MlpKind.Gelu => up.Forward(x).Gelu(),
        _ => throw new NotSupportedException($"There is no MLP of kind {kind}."),
    });
}

/// <summary>
/// Deviations of new weights: √(2 / 5C) (T. Nguyen, J. Salazar, "Transformers without Tears", 2019), which is 0.02 at C = 1000 and
/// more for smaller models, or what the configuration says. What adds to the residual stream starts smaller, by 1/√(2·layers), so that the
/// stream's variance does not grow with depth (A. Radford et al., GPT-2, 2019).
/// </summary>
/// <param name="Inner">For all other matrices.</param>
/// <param name="Residual">For the output projections of attention and feed-forward.</param>
internal readonly record struct InitScale(float Inner, float Residual)
{
    /// <summary>The deviations for a model of the given size.</summary>
    public static InitScale For(TransformerConfig config)
    {
        double inner = config.InitStd ?? Math.Sqrt(2.0 / (5.0 * config.HiddenSize));
        return new((float)inner, (float)(inner / Math.Sqrt(2.0 * config.NumLayers)));
    }
}
