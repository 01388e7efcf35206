using MiniTransformer.Autograd;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// One model's run through a batch of growing sequences: first the prompts, then token by token with a key/value cache. What a
/// sequence computes does not depend on its neighbours, and equals the full forward pass bit for bit.
/// </summary>
public sealed class Decoder : IDisposable
{
    private readonly Transformer model;
    private readonly KvCache cache;

    /// <summary>A decoder with room for the given sequences and positions.</summary>
    public Decoder(Transformer model, int slots, int context)
    {
        if (context > model.Config.MaxPositions)
            throw new ArgumentException($"Decoder: {context} positions are needed (prompt and response); the model has {model.Config.MaxPositions} (max_position_embeddings).");
        this.model = model;
        cache = new KvCache(model.Device, model.Config, slots, context);
    }

    /// <summary>Runs the prompts and returns the logits after each one's last token, (B, V). Prompt i takes slot i.</summary>
    public Tensor Prompt(Tape tape, IReadOnlyList<int[]> prompts, int padId)
    {
        int b = prompts.Count, t = prompts.Max(p => p.Length);
        int[] ids = new int[b * t], positions = new int[b * t], slots = new int[b * t], cachePositions = new int[b * t], last = new int[b];
        for (int i = 0; i < b; i++)
        {
            int length = prompts[i].Length;
            if (length == 0) throw new ArgumentException($"Decoder: prompt {i} is empty; a prompt needs at least the begin token.");
            for (int j = 0; j < t; j++)
            {
                int at = i * t + j;
                bool real = j < length;
                (ids[at], positions[at], slots[at], cachePositions[at]) = (real ? prompts[i][j] : padId, j, i, real ? j : -1);
            }

            last[i] = i * t + length - 1;
        }

        var flat = new Shape(b * t);
        if (t == 1)
        {
            // One-token prompts are a decoding step already.
            return Step(tape, ids, slots, positions);
        }

        Tensor hidden = model.Hidden(
            tape.Ids(ids, new Shape(b, t)), cache, tape.Ids(positions, flat), tape.Ids(slots, flat), tape.Ids(cachePositions, flat),
            tape.Ids(last, new Shape(b)));
        return model.Head(hidden);
    }

    /// <summary>Appends one token to each named slot and returns the logits after it, (N, V).</summary>
    public Tensor Step(Tape tape, ReadOnlySpan<int> ids, ReadOnlySpan<int> slots, ReadOnlySpan<int> positions)
    {
        var shape = new Shape(ids.Length);
        TokenIds at = tape.Ids(positions, shape);
        Tensor hidden = model.Hidden(tape.Ids(ids, new Shape(ids.Length, 1)), cache, at, tape.Ids(slots, shape), at);
        return model.Head(Ops.ReshapeOps.Reshape(hidden, new Shape(ids.Length, model.Config.HiddenSize)));
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose() => cache.Dispose();
}
