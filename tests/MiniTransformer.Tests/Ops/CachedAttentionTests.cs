using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;

namespace MiniTransformer.Tests.Ops;

public class CachedAttentionTests
{
    private static TransformerConfig Config(int h, int hkv, int d) => new()
    {
        VocabSize = 8,
        HiddenSize = h * d,
        IntermediateSize = 8,
        NumLayers = 1,
        NumHeads = h,
        NumKeyValueHeads = hkv,
        MaxPositions = 64,
    };

    [DeviceTheory]
    [OnEveryDevice(1, 1, 2, 21, 0)]
    [OnEveryDevice(4, 2, 6, 21, 0)]
    [OnEveryDevice(4, 1, 20, 21, 0)]
    [OnEveryDevice(2, 1, 20, 53, 19)]
    [OnEveryDevice(2, 2, 6, 40, 1)]
    public void A_token_against_the_cache_equals_the_token_in_its_sequence(string name, int h, int hkv, int d, int t, int window)
    {
        const int b = 3;
        float[] q = Operand.Normal(b * t * h * d, seed: 1), k = Operand.Normal(b * t * hkv * d, seed: 2),
            v = Operand.Normal(b * t * hkv * d, seed: 3);
        using Device device = Devices.Open(name);
        using Tape tape = Tape.NoGrad(device);
        Tensor keys = tape.Constant(k, new Shape(b * t, hkv, d)), values = tape.Constant(v, new Shape(b * t, hkv, d));
        float[] full = tape.Constant(q, new Shape(b * t, h, d)).Attention(keys, values, tape.StartsOf(b, t), 0.4f, window).ToArray();

        using var cache = new KvCache(device, Config(h, hkv, d), slots: b, context: t);
        int[] slots = [2, 0, 1]; // sequence i in slot slots[i]
        for (int at = 0; at < t; at++)
        {
            TokenIds where = tape.Ids(slots, new Shape(b)), positions = tape.Ids([at, at, at], new Shape(b));
            cache.Append(0, Tokens(k, hkv * d, hkv), Tokens(v, hkv * d, hkv), where, positions);
            float[] y = cache.Attend(0, Tokens(q, h * d, h), where, positions, 0.4f, window).ToArray();
            for (int i = 0; i < b; i++) Devices.Agree(name, full.AsSpan((i * t + at) * h * d, h * d), y.AsSpan(i * h * d, h * d));

            Tensor Tokens(float[] x, int row, int heads) => tape.Constant(
                [.. Enumerable.Range(0, b).SelectMany(i => x[((i * t + at) * row)..((i * t + at + 1) * row)])], new Shape(b, heads, d));
        }
    }

    [Fact]
    public void Positions_and_slots_beyond_the_cache_are_refused()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.NoGrad(device);
        using var cache = new KvCache(device, Config(1, 1, 2), slots: 2, context: 16);
        Tensor x = tape.Constant(new float[2], new Shape(1, 1, 2));
        TokenIds zero = tape.Ids([0], new Shape(1)), two = tape.Ids([2], new Shape(1)), sixteen = tape.Ids([16], new Shape(1)),
            before = tape.Ids([-1], new Shape(1));
        Assert.Throws<ArgumentException>(() => cache.Append(0, x, x, two, zero));
        Assert.Throws<ArgumentException>(() => cache.Append(0, x, x, zero, sixteen));
        Assert.Throws<ArgumentException>(() => cache.Append(0, x, x, zero, before));
        Assert.Throws<ArgumentException>(() => cache.Attend(0, x, zero, sixteen, 1, 0));
    }

    [Fact]
    public void Decoding_on_a_recording_tape_is_refused()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        using var cache = new KvCache(device, Config(1, 1, 2), slots: 1, context: 16);
        Tensor x = tape.Constant(new float[2], new Shape(1, 1, 2));
        TokenIds zero = tape.Ids([0], new Shape(1));
        Assert.Contains("Tape.NoGrad", Assert.Throws<InvalidOperationException>(() => cache.Attend(0, x, zero, zero, 1, 0)).Message,
            StringComparison.Ordinal);
    }
}
