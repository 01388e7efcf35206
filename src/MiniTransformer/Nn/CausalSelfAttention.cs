using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>Causal self-attention with rotary positions and grouped key/value heads.</summary>
public sealed class CausalSelfAttention
{
    private readonly int layer;
    private readonly int h;
    private readonly int hkv;
    private readonly int d;
    private readonly Linear q;
    private readonly Linear k;
    private readonly Linear v;
    private readonly Linear o;

    /// <summary>Takes the four projections from the source; the layer's number is its place in the cache.</summary>
    public CausalSelfAttention(ParameterSource source, TransformerConfig config, int layer, InitScale init)
    {
        (this.layer, h, hkv, d) = (layer, config.NumHeads, config.NumKeyValueHeads, config.HeadDim);
        q = new Linear(source / "q_proj", config.HiddenSize, h * d, init.Inner);
        k = new Linear(source / "k_proj", config.HiddenSize, hkv * d, init.Inner);
        v = new Linear(source / "v_proj", config.HiddenSize, hkv * d, init.Inner);
        o = new Linear(source / "o_proj", h * d, config.HiddenSize, init.Residual);
    }

    /// <summary>What each token gathers from itself and the tokens before it: (B, T, C) → (B, T, H·D).</summary>
    internal Tensor Mix(Tensor x, in Placement at)
    {
        int b = x.Shape[0], t = x.Shape[1];
        Tensor queries = q.Forward(x).Reshape(new Shape(b, t, h, d)).Rope(at.Positions, at.Cos, at.Sin);
        Tensor keys = k.Forward(x).Reshape(new Shape(b, t, hkv, d)).Rope(at.Positions, at.Cos, at.Sin);
        Tensor values = v.Forward(x).Reshape(new Shape(b, t, hkv, d));
        Tensor y;
        if (at.Cache is null)
        {
            y = queries.Attention(keys, values);
        }
        else
        {
            at.Cache.Append(layer, keys, values, at.Slots, at.CachePositions);
            y = at.OneToken
                ? at.Cache.Attend(layer, queries.Reshape(new Shape(b * t, h, d)), at.Slots, at.CachePositions)
                : queries.Attention(keys, values);
        }

        return y.Reshape(new Shape(b, t, h * d));
    }

    /// <summary>The heads' results brought together: (.., H·D) → (.., C).</summary>
    internal Tensor Project(Tensor mixed) => o.Forward(mixed);
}

/// <summary>Where a batch's tokens stand: their positions, the rotation tables, and the cache if there is one.</summary>
internal readonly record struct Placement(
    TokenIds Positions, Tensor Cos, Tensor Sin, KvCache? Cache = null, TokenIds Slots = default, TokenIds CachePositions = default, bool OneToken = false);
