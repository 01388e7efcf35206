using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Attention of new tokens to a cache of keys and values; no gradient.
public static partial class TensorOps
{
    /// <summary>
    /// Row r attends to positions 0..positionsᵣ of its slot's cache, or to the last of them that a window leaves. On the CPU the result
    /// equals, bit for bit, that of <see cref="TensorOps.Attention"/> for the same token in the whole sequence.
    /// </summary>
    /// <param name="q">Queries, one new token a row, (N, H, D).</param>
    /// <param name="keys">The layer's cached keys, in the backend's layout.</param>
    /// <param name="values">The layer's cached values.</param>
    /// <param name="slots">The slot of each row, (N).</param>
    /// <param name="positions">The position of each row's token, (N).</param>
    /// <param name="hkv">Key/value heads.</param>
    /// <param name="context">Positions of a slot.</param>
    /// <param name="scale">The factor of the scores.</param>
    /// <param name="window">How many tokens back a token looks, itself included; 0 for all.</param>
    internal static Tensor AttentionDecode(this Tensor q, Storage keys, Storage values, TokenIds slots, TokenIds positions, int hkv,
        int context, float scale, int window)
    {
        ShapeCheck.Rank("AttentionDecode", "q", q, 3, "(N, H, D)");
        if (slots.Shape.Count != q.Shape[0] || positions.Shape.Count != q.Shape[0])
            throw new ArgumentException($"AttentionDecode: q {q.Shape} has {q.Shape[0]} tokens, but {slots.Shape.Count} slots and "
                + $"{positions.Shape.Count} positions came.");
        ShapeCheck.Ids("AttentionDecode", "position", positions, context, q);
        Tape tape = Tape.Of("AttentionDecode", q);
        if (tape.Recording)
        {
            throw new InvalidOperationException("AttentionDecode: cached decoding has no gradient; use Tape.NoGrad(device).");
        }
        (int n, int h, int d) = (q.Shape[0], q.Shape[1], q.Shape[2]);
        Tensor y = tape.New(q.Shape);
        tape.Backend.AttentionDecode(q.Storage, keys, values, slots.Storage, positions.Storage, y.Storage, n, h, hkv, d, context, scale,
            window);
        return y;
    }
}
