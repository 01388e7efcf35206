using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Training;

/// <summary>A task that a small model learns in a second: answer the prompt "begin a b" by "b a end", and "a begin" by "a end".</summary>
internal static class Toy
{
    public const int Begin = 0, End = 1, Pad = 2;

    public static TransformerConfig Config { get; } = new()
    {
        VocabSize = 9,
        HiddenSize = 32,
        IntermediateSize = 48,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositions = 12,
    };

    /// <summary>All 42 examples: prompts of three tokens and of two, responses of three and of two.</summary>
    public static Example[] Examples { get; } =
    [
        .. from a in Enumerable.Range(3, 6) from b in Enumerable.Range(3, 6) select new Example([Begin, a, b], [b, a, End]),
        .. from a in Enumerable.Range(3, 6) select new Example([a, Begin], [a, End]),
    ];

    public static Transformer Model(Device device, ulong seed = 1) => new(Config, ParameterSource.Random(device, seed));

    /// <summary>
    /// What a checkpoint holds, carried over by hand: the same weights and optimizer state in a new model on a new device.
    /// </summary>
    public static (Transformer Model, AdamW Optimizer) Rebuild(Device device, Transformer model, AdamW optimizer)
    {
        Transformer copy = Model(device, seed: 77);
        foreach ((Parameter to, Parameter from) in copy.Parameters.Zip(model.Parameters)) to.Set(from.ToArray());
        var continued = new AdamW(copy.Parameters, optimizer.Options);
        Dictionary<string, float[]> saved = optimizer.State().ToDictionary(s => s.Name, s => s.Values);
        continued.Restore(optimizer.Updates, (name, values) => saved[name].CopyTo(values, 0));
        return (copy, continued);
    }

    public static void Identical(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Operand.Identical(expected[i], actual[i]);
    }
}
