using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Nn;

/// <summary>Small transformers and random responses to try them on.</summary>
internal static class Models
{
    /// <summary>Grouped heads, odd widths, a head that is not hidden / heads.</summary>
    public static TransformerConfig Odd { get; } = new()
    {
        VocabSize = 19,
        HiddenSize = 12,
        IntermediateSize = 21,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 6,
        MaxPositions = 40,
    };

    /// <summary>
    /// A transformer whose every parameter, norms included, is a normal number around its start: nothing is symmetric and no scale is 1.
    /// </summary>
    public static Transformer Random(Device device, TransformerConfig config, ulong seed)
    {
        var model = new Transformer(config, ParameterSource.Random(device, seed));
        var rng = new Rng(seed, stream: 1000);
        foreach (Parameter p in model.Parameters)
        {
            float[] values = p.ToArray();
            double deviation = p.Shape.Rank == 1 ? 0.3 : 0.15;
            for (int i = 0; i < values.Length; i++) values[i] += (float)(deviation * rng.NextNormal());
            p.Set(values);
        }

        return model;
    }

    /// <summary>Random examples with prompts of 1 to 6 tokens and responses of 1 to 5.</summary>
    public static Example[] Examples(int count, int vocabulary, ulong seed)
    {
        var rng = new Rng(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new Example(Ids(1 + rng.NextInt(6)), Ids(1 + rng.NextInt(5))))];

        int[] Ids(int n) => [.. Enumerable.Range(0, n).Select(_ => rng.NextInt(vocabulary))];
    }

    /// <summary>All gradients, parameter by parameter.</summary>
    public static float[][] Gradients(this Transformer model) => [.. model.Parameters.Select(p => p.GradientToArray())];

    /// <summary>All weights, parameter by parameter.</summary>
    public static float[][] Weights(this Transformer model) => [.. model.Parameters.Select(p => p.ToArray())];
}
