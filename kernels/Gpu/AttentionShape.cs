namespace MiniTransformer.Kernels.Gpu;

/// <summary>The sizes of one attention: q, y (B, T, H, D), k, v (B, T, Hkv, D).</summary>
public readonly struct AttentionShape(int t, int h, int hkv, int d, float scale, int quads)
{
    /// <summary>Tokens of a sequence.</summary>
    public readonly int T = t;

    /// <summary>Query heads.</summary>
    public readonly int H = h;

    /// <summary>Key-value heads; query head h reads key-value head h / (H / Hkv).</summary>
    public readonly int Hkv = hkv;

    /// <summary>Elements of a head.</summary>
    public readonly int D = d;

    /// <summary>The factor of the scores.</summary>
    public readonly float Scale = scale;

    /// <summary>1 where every row starts at a multiple of 16 bytes, so that four elements are one load; else 0.</summary>
    public readonly int Quads = quads;
}
