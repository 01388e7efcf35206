using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>The sizes of one attention: q, y (N, H, D), k, v (N, Hkv, D), B sequences one after another.</summary>
internal readonly struct AttentionShape(int n, int b, int h, int hkv, int d, float scale, int quads, int window = int.MaxValue)
{
    /// <summary>Rows of all sequences.</summary>
    public readonly int N = n;

    /// <summary>Sequences.</summary>
    public readonly int B = b;

    /// <summary>Query heads.</summary>
    public readonly int H = h;

    /// <summary>Key-value heads; query head h reads key-value head h / (H / Hkv).</summary>
    public readonly int Hkv = hkv;

    /// <summary>Elements of a head.</summary>
    public readonly int D = d;

    /// <summary>The factor of the scores.</summary>
    public readonly float Scale = scale;

    /// <summary>
    /// Tokens that a token sees, itself included: token t sees t − Window &lt; j ≤ t. The largest int where there is no window.
    /// </summary>
    public readonly int Window = window;

    /// <summary>1 where every row starts at a multiple of 16 bytes, so that four elements are one load; else 0.</summary>
    public readonly int Quads = quads;

    /// <summary>
    /// Tiles of a size for all sequences: sequence b has those from ⌊starts[b]/size⌋ + b on, up to where the next one's begin. That is room
    /// for ⌈length/size⌉, with at most one left over, so that no table but starts is needed.
    /// </summary>
    public int Tiles(int size) => N / size + B;

    /// <summary>The first of the tiles of a size that hold a key which query i, or a later one, sees.</summary>
    internal int FirstTile(int i, int size) => i < Window ? 0 : (i - Window + 1) / size * size;

    /// <summary>Whether some query of the tile at i0 sees some key of the tile at j0, where i0 is not before j0.</summary>
    internal bool Meets(int i0, int j0, int size) => i0 - j0 - (size - 1) < Window;
}

/// <summary>
/// A tile of a sequence: where the sequence begins among the rows, its length T, and the tile's first row in it; T or more if the tile is
/// left over.
/// </summary>
internal readonly struct SequenceTile(int start, int length, int first)
{
    public readonly int Start = start, T = length, First = first;

    /// <summary>The tile of a number, counted from a sequence's beginning or from its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SequenceTile Of(ArrayView<int> starts, int tile, int size, bool fromEnd, AttentionShape s)
    {
        int b = 0, most = s.B - 1; // the last sequence whose first tile is not after this one
        while (b < most)
        {
            int middle = (b + most + 1) / 2;
            if (starts[middle] / size + middle <= tile) b = middle;
            else most = middle - 1;
        }

        int start = starts[b], length = starts[b + 1] - start, number = tile - (start / size + b), count = (length + size - 1) / size;
        return new SequenceTile(start, length, number < count ? (fromEnd ? count - 1 - number : number) * size : length);
    }
}
