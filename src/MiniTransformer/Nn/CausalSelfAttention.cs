using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>Causal self-attention with grouped key/value heads, as the family's form has it: rotary positions or none, biases,
/// normalised heads, a window.</summary>
internal sealed class CausalSelfAttention
{
    private readonly int layer;
    private readonly int h;
    private readonly int hkv;
    private readonly int d;
    private readonly int window;
    private readonly bool rotary;
    private readonly bool local;
    private readonly float scale;
    private readonly Linear q;
    private readonly Linear k;
    private readonly Linear v;
    private readonly Linear o;
    private readonly Norm? queryNorm;
    private readonly Norm? keyNorm;

    /// <summary>Takes the projections from the source; the layer's number is its place in the cache.</summary>
    public CausalSelfAttention(ParameterSource source, TransformerConfig config, int layer, InitScale init)
    {
        TransformerForm form = config.Form;
        (this.layer, h, hkv, d) = (layer, config.NumHeads, config.NumKeyValueHeads, config.HeadDim);
        window = form.Windows?[layer] ?? 0;
        (rotary, local) = (!form.LearnedPositions, window > 0 && form.LocalTheta is not null);
        scale = (float)(1 / Math.Sqrt(form.QueryScalar ?? d));
        q = new Linear(source / "q_proj", config.HiddenSize, h * d, init.Inner, form.QkvBias);
        k = new Linear(source / "k_proj", config.HiddenSize, hkv * d, init.Inner, form.QkvBias);
        v = new Linear(source / "v_proj", config.HiddenSize, hkv * d, init.Inner, form.QkvBias);
        o = new Linear(source / "o_proj", h * d, config.HiddenSize, init.Residual, form.OutputBias);
        if (!form.QueryKeyNorm) return;
        queryNorm = new Norm(source / "q_norm", form.Norm, d, config.RmsNormEps);
        keyNorm = new Norm(source / "k_norm", form.Norm, d, config.RmsNormEps);
    }

    /// <summary>What each token gathers from itself and the tokens before it: (N, C) → (N, H·D).</summary>
    internal Tensor Mix(Tensor x, in Placement at)
    {
        int n = x.Shape[0];
        Tensor queries = Place(q.Forward(x).Reshape(new Shape(n, h, d)), queryNorm, at);
        Tensor keys = Place(k.Forward(x).Reshape(new Shape(n, hkv, d)), keyNorm, at);
        Tensor values = v.Forward(x).Reshape(new Shape(n, hkv, d));
        at.Cache?.Append(layer, keys, values, at.Slots, at.Positions);
        Tensor y = at.Starts is { } starts
            ? queries.Attention(keys, values, starts, scale, window)
            : at.Cache!.Attend(layer, queries, at.Slots, at.Positions, scale, window);
        return y.Reshape(new Shape(n, h * d));
    }

    /// <summary>The heads' results brought together: (.., H·D) → (.., C).</summary>
    internal Tensor Project(Tensor mixed) => o.Forward(mixed);

    // Heads normalised and turned, where the family does so.
    private Tensor Place(Tensor heads, Norm? norm, in Placement at)
    {
        if (norm is not null) heads = norm.Forward(heads);
        if (!rotary) return heads;
        Rotation rotation = local ? at.Local : at.Rotation;
        return heads.Rope(at.Positions, rotation.Cos, rotation.Sin);
    }
}

/// <summary>Rotation tables, (positions, D/2) each.</summary>
internal readonly record struct Rotation(Tensor Cos, Tensor Sin);

/// <summary>
/// Where a batch's tokens stand: their positions; their sequences, or null where each is one new token of a sequence in the cache; the
/// rotation tables of layers without and with a window; and the cache, if there is one, with the slot of each token.
/// </summary>
internal readonly record struct Placement(
    TokenIds Positions, SequenceStarts? Starts, Rotation Rotation = default, Rotation Local = default, KvCache? Cache = null,
    TokenIds Slots = default);
