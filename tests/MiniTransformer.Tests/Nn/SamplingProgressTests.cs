using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Nn;

public class SamplingProgressTests
{
    [Fact]
    public void Whoever_listens_hears_every_token_and_the_responses_stay_the_same()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int[][] prompts = [[1], [2, 3], [4], [5, 6, 7], [8]];
        var heard = new List<SamplingProgress>();
        var options = new SamplingOptions { MaxTokens = 6, BatchSize = 2 };
        SampledResponse[] silent = Sampler.Generate(model, prompts, new EndTokens(9), options);
        SampledResponse[] responses = Sampler.Generate(model, prompts, new EndTokens(9), options with { Progress = heard.Add });
        Assert.Equal(silent.Select(r => string.Join(' ', r.Ids)), responses.Select(r => string.Join(' ', r.Ids)));
        Assert.Equal(new SamplingProgress(5, 5, responses.Sum(r => r.Ids.Length)), heard[^1]);
        Assert.All(heard.Zip(heard.Skip(1)), pair =>
            Assert.True(pair.First.Tokens < pair.Second.Tokens && pair.First.Finished <= pair.Second.Finished));
    }
}
