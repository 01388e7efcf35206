using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

/// <summary>What a sequence computes depends on nothing but itself.</summary>
public class NeighboursTests
{
    private const int Slots = 64;

    /// <summary>Llama with grouped heads; windows in every second layer; learned positions.</summary>
    private static readonly TransformerConfig[] Forms =
    [
        Models.Odd,
        Models.Odd with { Form = TransformerForm.Llama with { Windows = LayerWindows.Of(5, [true, false]), LocalTheta = 1000 } },
        Models.Odd with { Form = TransformerForm.Llama with { LearnedPositions = true } },
    ];

    [DeviceTheory]
    [OnEveryDevice(0)]
    [OnEveryDevice(1)]
    [OnEveryDevice(2)]
    public void A_sequence_alone_and_among_63_others_has_the_same_hidden_bits_log_probabilities_and_cache(string name, int form)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Forms[form], seed: 1);
        int v = model.Config.VocabSize, c = model.Config.HiddenSize, positions = model.Config.MaxPositions;
        int[][] sequences = [.. Operand.Ids(Slots, positions, seed: 2)
            .Select((length, b) => Operand.Ids(b == 5 ? positions : b % 9 == 0 ? 1 : Math.Max(1, length), v, seed: 10 + (ulong)b))];
        (float[] hidden, float[] logProb, float[] next) = Run(sequences);
        int[] starts = [0, .. sequences.Select((_, b) => sequences[..(b + 1)].Sum(s => s.Length))];
        foreach (int b in (int[])[0, 5, 13, 63])
        {
            (float[] ownHidden, float[] ownLogProb, float[] ownNext) = Run([sequences[b]]);
            Operand.Identical(ownHidden, hidden.AsSpan(starts[b] * c, ownHidden.Length));
            Operand.Identical(ownLogProb, logProb.AsSpan(starts[b], ownLogProb.Length));
            Operand.Identical(ownNext, next.AsSpan(b * v, v));
        }

        // Hidden rows; log π of token 1 everywhere; and the logits of token 2 after the sequence without its last token, from the cache of
        // keys and values.
        (float[] Hidden, float[] LogProb, float[] Next) Run(int[][] batch)
        {
            using Tape tape = Tape.NoGrad(device);
            TokenRows rows = tape.Sequences(batch);
            int n = rows.Starts.Rows;
            float[] logProbs = model.Policy(rows, tape.Ids([.. Enumerable.Range(0, n)], new Shape(n)))
                .LogProb(tape.Ids([.. Enumerable.Repeat(1, n)], new Shape(n))).ToArray();
            int[][] prompts = [.. batch.Select(s => s.Length == 1 ? s : s[..^1])];
            using Decoder decoder = new(model, batch.Length, positions);
            decoder.Prompt(tape, prompts);
            PolicyRows after = decoder.Step(
                tape, [.. prompts.Select(_ => 2)], [.. Enumerable.Range(0, batch.Length)], [.. prompts.Select(p => p.Length)]);
            return (model.Hidden(rows).ToArray(), logProbs, after.Logits().ToArray());
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void Prompts_of_one_token_empty_responses_and_a_sequence_at_the_full_context_share_a_batch_and_change_nobody(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int v = model.Config.VocabSize, positions = model.Config.MaxPositions;
        Example[] examples =
        [
            new([3], [4]), new([5, 6], []), new(Operand.Ids(2, v, seed: 1), Operand.Ids(positions - 1, v, seed: 2)), new([7], []),
            new([1], [2, 3, 4]),
        ];
        Assert.Equal(positions, examples[2].Positions);
        double[] together = ResponseLikelihood.Of(model, examples), alone = [.. examples.Select(e => ResponseLikelihood.Of(model, [e])[0])];
        Assert.Equal(alone, together);
        Assert.Equal([0, 0], [together[1], together[3]]);
        Assert.Equal([0, 0], ResponseLikelihood.Of(model, [examples[1], examples[3]]));
        SampledResponse[] drawn = Sampler.Generate(model, [.. examples.Select(e => e.PromptIds[..1])], EndTokens.None,
            new SamplingOptions { MaxTokens = 3 });
        Assert.All(drawn, r => Assert.Equal(3, r.Ids.Length));
    }

    [DeviceTheory, OnEveryDevice]
    public void A_sequences_share_of_the_gradient_does_not_depend_on_its_neighbours(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        Example[] examples = Models.Examples(12, model.Config.VocabSize, seed: 3);
        float[][] whole = Gradient(examples), sum = Gradient(examples[..1]);
        foreach (Example e in examples[1..])
        {
            float[][] own = Gradient([e]);
            for (int p = 0; p < sum.Length; p++) for (int i = 0; i < sum[p].Length; i++) sum[p][i] += own[p][i];
        }

        // Sums of the same numbers in another order, relative to the parameter's largest derivative.
        for (int p = 0; p < sum.Length; p++)
        {
            double largest = whole[p].Max(Math.Abs);
            for (int i = 0; i < sum[p].Length; i++) Assert.Equal(whole[p][i], sum[p][i], 2e-6 * largest + 1e-7);
        }

        float[][] Gradient(Example[] batch)
        {
            foreach (Parameter p in model.Parameters) p.ZeroGradient();
            using Tape tape = Tape.Record(device);
            var responses = new ResponseBatch(batch);
            tape.Backward(new Objective().Loss(tape, model.Rows(tape, responses), responses, scale: 1));
            return [.. model.Parameters.Select(p => p.GradientToArray())];
        }
    }
}
