using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// Keys and values of all layers for a number of sequences ("slots") that grow token by token. Each slot has a length of its own:
/// prompts of different length need no left padding.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly Device device;
    private readonly int hkv;
    private readonly int d;
    private readonly Storage[] keys;
    private readonly Storage[] values;

    /// <summary>An empty cache.</summary>
    /// <param name="device">Where it lies.</param>
    /// <param name="config">The model's sizes.</param>
    /// <param name="slots">Sequences.</param>
    /// <param name="context">Positions of each; rounded up to a multiple of 16.</param>
    public KvCache(Device device, TransformerConfig config, int slots, int context)
    {
        (this.device, hkv, d) = (device, config.NumKeyValueHeads, config.HeadDim);
        Slots = slots;
        Context = (context + 15) / 16 * 16;
        int length = device.Backend.CacheLength(slots, hkv, d, Context);
        keys = new Storage[config.NumLayers];
        values = new Storage[config.NumLayers];
        for (int i = 0; i < keys.Length; i++) (keys[i], values[i]) = (device.Allocate(length, zeroed: false), device.Allocate(length, zeroed: false));
    }

    /// <summary>Sequences.</summary>
    public int Slots { get; }

    /// <summary>Positions of each sequence.</summary>
    public int Context { get; }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        foreach (Storage s in keys) device.Free(s);
        foreach (Storage s in values) device.Free(s);
    }

    // k, v: one row (Hkv, D) for each of slots; rows at negative positions are padding and are skipped.
    internal void Append(int layer, Tensor k, Tensor v, TokenIds slots, TokenIds positions)
    {
        if (slots.Smallest < 0 || slots.Largest >= Slots || positions.Largest >= Context)
        {
            throw new ArgumentException(
                $"KvCache: slots {slots.Smallest} to {slots.Largest} and positions up to {positions.Largest} came; there are {Slots} slots of {Context} positions.");
        }

        device.Backend.CacheAppend(k.Data, v.Data, slots.Data, positions.Data, keys[layer], values[layer], slots.Shape.Count, hkv, d, Context);
    }

    internal Tensor Attend(int layer, Tensor q, TokenIds slots, TokenIds positions, float scale, int window) =>
        q.AttentionDecode(keys[layer], values[layer], slots, positions, hkv, Context, scale, window);
}
