using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// Keys and values of all layers for a number of sequences ("slots") that grow token by token. Each slot has a length of its own.
/// </summary>
internal sealed class KvCache : IDisposable
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
        Context = checked((int)((context + 15L) / 16 * 16));
        long length = device.Backend.CacheLength(slots, hkv, d, Context);
        string what = $"A cache of {slots} sequences of {Context} positions in {config.NumLayers} layers",
            wayOut = "lower the longest response (MaxTokens), or draw fewer together (BatchSize)";
        device.Require(BytesOf(length, config), what, wayOut);
        if (length > int.MaxValue)
        {
            throw new DeviceException($"{what} has {length:#,0} keys a layer, and at most {int.MaxValue:#,0} are possible; {wayOut}.");
        }
        keys = new Storage[config.NumLayers];
        values = new Storage[config.NumLayers];
        for (int i = 0; i < keys.Length; i++)
        {
            (keys[i], values[i]) = (device.Allocate((int)length, zeroed: false), device.Allocate((int)length, zeroed: false));
        }
    }

    /// <summary>Sequences.</summary>
    public int Slots { get; }

    /// <summary>Positions of each sequence.</summary>
    public int Context { get; }

    /// <summary>
    /// The sequences of a length that a cache can hold in so many bytes, 0 being half of the device's memory; at least one.
    /// </summary>
    public static int MostSlots(Device device, TransformerConfig config, int context, long bytes = 0)
    {
        long length = device.Backend.CacheLength(1, config.NumKeyValueHeads, config.HeadDim,
            (int)Math.Min(int.MaxValue, (context + 15L) / 16 * 16));
        double slots = Math.Min((double)int.MaxValue / length,
            (bytes == 0 ? device.Backend.MemoryBytes / 2.0 : bytes) / BytesOf(length, config));
        return (int)Math.Clamp(slots, 1, int.MaxValue);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        foreach (Storage s in keys) device.Free(s);
        foreach (Storage s in values) device.Free(s);
    }

    // Keys and values of all layers.
    private static double BytesOf(long length, TransformerConfig config) => 2.0 * sizeof(float) * config.NumLayers * length;

    // k, v: one row (Hkv, D) for each of slots.
    internal void Append(int layer, Tensor k, Tensor v, TokenIds slots, TokenIds positions)
    {
        if (slots.Smallest < 0 || slots.Largest >= Slots || positions.Smallest < 0 || positions.Largest >= Context)
        {
            throw new ArgumentException(
                $"KvCache: slots {slots.Smallest} to {slots.Largest} and positions up to {positions.Largest} came; there are {Slots} slots "
                    + $"of {Context} positions.");
        }

        device.Backend.CacheAppend(k.Storage, v.Storage, slots.Storage, positions.Storage, keys[layer], values[layer], slots.Shape.Count,
            hkv, d, Context);
    }

    internal Tensor Attend(int layer, Tensor q, TokenIds slots, TokenIds positions, float scale, int window) =>
        q.AttentionDecode(keys[layer], values[layer], slots, positions, hkv, Context, scale, window);
}
