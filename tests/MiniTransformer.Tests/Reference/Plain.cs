using MiniTransformer.Nn;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Reference;

/// <summary>The library's models as the theory's plain Llama, in double.</summary>
internal static class Plain
{
    public static PlainLlama Of(Transformer model) => Of(model.Config, WeightsOf(model));

    public static PlainLlama Of(TransformerConfig config, IReadOnlyDictionary<string, double[]> weights) => new(
        new LlamaSizes(config.NumLayers, config.NumHeads, config.NumKeyValueHeads, config.HeadDim, config.RopeTheta, config.RmsNormEps,
            config.TieEmbeddings), weights);

    public static Dictionary<string, double[]> WeightsOf(Transformer model) =>
        model.Parameters.ToDictionary(p => p.Name, p => p.ToArray().Doubles());
}
