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
            throw new ArgumentException($"Decoder: {context} positions are needed (prompt and response); the model has "
                + $"{model.Config.MaxPositions} (max_position_embeddings).");
        this.model = model;
        cache = new KvCache(model.Device, model.Config, slots, context);
    }

    /// <summary>Runs the prompts and returns the policy after each one's last token. Prompt i takes slot i.</summary>
    public PolicyRows Prompt(Tape tape, IReadOnlyList<int[]> prompts) => Prompt(tape, prompts, [.. Enumerable.Range(0, prompts.Count)]);

    /// <summary>
    /// Runs the prompts, each in a slot of its own, whatever was in it, and returns the policy after each one's last token.
    /// </summary>
    public PolicyRows Prompt(Tape tape, IReadOnlyList<int[]> prompts, ReadOnlySpan<int> slots)
    {
        int b = prompts.Count;
        int[] ofRows = new int[prompts.Sum(p => p.Length)], last = new int[b];
        for (int i = 0, row = 0; i < b; i++)
        {
            if (prompts[i].Length == 0)
            {
                throw new ArgumentException($"Decoder: prompt {i} is empty; a prompt needs at least the begin token.");
            }
            ofRows.AsSpan(row, prompts[i].Length).Fill(slots[i]);
            row += prompts[i].Length;
            last[i] = row - 1;
        }

        TokenIds where = tape.Ids(ofRows, new Shape(ofRows.Length));
        return model.PolicyOf(model.Hidden(tape.Sequences(prompts), cache, where, tape.Ids(last, new Shape(b))));
    }

    /// <summary>Appends one token to each named slot and returns the policy after it.</summary>
    public PolicyRows Step(Tape tape, ReadOnlySpan<int> ids, ReadOnlySpan<int> slots, ReadOnlySpan<int> positions)
    {
        var shape = new Shape(ids.Length);
        return model.PolicyOf(model.Hidden(tape.Ids(ids, shape), tape.Ids(positions, shape), cache, tape.Ids(slots, shape)));
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose() => cache.Dispose();
}
