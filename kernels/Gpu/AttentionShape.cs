namespace MiniTransformer.Kernels.Gpu;

/// <summary>The sizes of one attention: q, y (B, T, H, D), k, v (B, T, Hkv, D).</summary>
internal readonly struct AttentionShape(int t, int h, int hkv, int d, float scale, int quads, int window = int.MaxValue)
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

    /// <summary>Tokens that a token sees, itself included: token t sees t − Window &lt; j ≤ t. The largest int where there is no window.</summary>
    public readonly int Window = window;

    /// <summary>1 where every row starts at a multiple of 16 bytes, so that four elements are one load; else 0.</summary>
    public readonly int Quads = quads;

    /// <summary>The first of the tiles of a size that hold a key which query i, or a later one, sees.</summary>
    internal int FirstTile(int i, int size) => i < Window ? 0 : (i - Window + 1) / size * size;

    /// <summary>Whether some query of the tile at i0 sees some key of the tile at j0, where i0 is not before j0.</summary>
    internal bool Meets(int i0, int j0, int size) => i0 - j0 - (size - 1) < Window;
}
