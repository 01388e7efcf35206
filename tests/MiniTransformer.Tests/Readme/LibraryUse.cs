// The README's example, compiled and run: ReadmeTests holds the README's text against this file.
#pragma warning disable IDE0008, IDE0040
// <README>
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

static class LibraryUse
{
    public static void Run(string path, Action<string> print)
    {
        using var device = Device.Best();
        var tokenizer = new ByteTokenizer();
        var (train, heldOut) = Demonstrations.Load(path, tokenizer).Split(0.9, seed: 1);
        var config = new TransformerConfig
        {
            VocabSize = tokenizer.VocabSize,
            HiddenSize = 64,
            IntermediateSize = 176,
            NumLayers = 2,
            NumHeads = 4,
            MaxPositions = 64,
            Ends = tokenizer.Tokens.Ends,
        };

        // SFT, with the half-way checkpoint as reference.
        var policy = new Transformer(config, ParameterSource.Random(device, seed: 1));
        Transformer? reference = null;
        foreach (var step in Sft.Train(policy, train, new SftOptions { Epochs = 3, LearningRate = 2e-3, KeepAt = [0.5] }))
        {
            if (step.KeepAt is 0.5) reference = policy.Clone();
        }

        // The dense reward of a held-out response, token by token: r̂ = log π_SFT − log π_ref.
        var reward = new DenseReward(expert: policy.Clone(), reference!);
        var recovered = reward.Recover(new ResponseBatch([heldOut[0]]));
        print($"r̂ of '{heldOut[0].Response}': {string.Join(" ", recovered.RHat)}");

        // Dense-Path REINFORCE, then a greedy answer.
        int[][] prompts = [.. train.Prompts.Select(p => p.Ids)];
        foreach (var step in DensePathReinforce.Train(policy, reward, prompts, new DprOptions { Updates = 10, MaxTokens = 16 }))
        {
            print($"update {step.Step}: reward {step.Reward:F2}, KL {step.Kl:F3} nats a response");
        }

        var answer = Sampler.Generate(policy, [heldOut[0].PromptIds], policy.Config.Ends,
            SamplingOptions.Greedy with { MaxTokens = 16 })[0];
        print($"{heldOut[0].Prompt}{tokenizer.Decode(answer.Ids)}");
    }
}
// </README>
