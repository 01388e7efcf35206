using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;

namespace MiniTransformer.Cli.Prove;

/// <summary>Two policies and a batch of responses: what a statement about the transformer is checked on.</summary>
/// <param name="Policy">π, trainable; in the reward, π_SFT.</param>
/// <param name="Reference">π_ref; null if there is none.</param>
/// <param name="Batch">Prompts and responses.</param>
internal sealed record PolicyCase(Transformer Policy, Transformer? Reference, ResponseBatch Batch)
{
    /// <summary>
    /// Random small transformers with random batches, each valid until the next is taken: one to three blocks, one to four heads, shared
    /// key/value heads, tied and untied heads, vocabularies from two tokens on; prompts of 1 to 8 tokens, responses of none to 8.
    /// </summary>
    public static IEnumerable<PolicyCase> Random(Device device, int count, ulong seed)
    {
        for (int i = 0; i < count; i++)
        {
            var rng = new Rng(seed, stream: (ulong)i);
            int heads = 1 << rng.NextInt(3);
            var config = new TransformerConfig
            {
                VocabSize = rng.NextInt(4) == 0 ? 2 : 2 + rng.NextInt(30),
                HiddenSize = heads * (2 + rng.NextInt(7)),
                IntermediateSize = 3 + rng.NextInt(30),
                NumLayers = 1 + rng.NextInt(3),
                NumHeads = heads,
                NumKeyValueHeads = rng.NextInt(2) == 0 ? 1 : heads,
                HeadDim = 2 * (1 + rng.NextInt(4)),
                MaxPositions = 20,
                TieEmbeddings = rng.NextInt(2) == 0,
            };
            var examples = new Example[1 + rng.NextInt(6)];
            for (int b = 0; b < examples.Length; b++)
            {
                int response = b == 0 ? 2 + rng.NextInt(7) : rng.NextInt(9); // the first one has a next state
                examples[b] = new Example(Ids(1 + rng.NextInt(8)), Ids(response));
            }

            using Transformer policy = Perturbed(device, config, rng, 0.15), reference = Perturbed(device, config, rng, 0.15);
            yield return new PolicyCase(policy, reference, new ResponseBatch(examples));

            int[] Ids(int n) => [.. Enumerable.Range(0, n).Select(_ => rng.NextInt(config.VocabSize))];
        }
    }

    /// <summary>A transformer whose every parameter, scales of norms included, is a normal number around its usual start.</summary>
    public static Transformer Perturbed(Device device, TransformerConfig config, Rng rng, double deviation)
    {
        var model = new Transformer(config, ParameterSource.Random(device, (ulong)rng.NextInt(int.MaxValue)));
        foreach (Parameter p in model.Parameters)
        {
            float[] values = p.ToArray();
            for (int i = 0; i < values.Length; i++) values[i] += (float)(deviation * rng.NextNormal());
            p.Set(values);
        }

        return model;
    }
}
