using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class RolloutTests
{
    private const int Each = 30;
    private static readonly DprOptions Options = new() { PromptsPerUpdate = Each, MaxTokens = 6, EndId = Toy.End, PadId = Toy.Pad, Seed = 3 };

    [DeviceTheory, OnEveryDevice]
    public void What_an_update_draws_is_a_function_of_its_number(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Toy.Model(device);
        int[][] prompts = [.. Enumerable.Repeat<int[]>([Toy.Begin, 3, 4], Each)]; // one prompt, so that only the draws differ
        var order = new BatchOrder(Each, Options.Seed);
        int[][][] drawn = [.. Enumerable.Range(0, 3).Select(Draw)];
        for (int update = 2; update >= 0; update--) Assert.Equal(drawn[update], Draw(update));

        // New draws at every update, and for every response of one.
        Assert.NotEqual(drawn[0], drawn[1]);
        Assert.NotEqual(drawn[1], drawn[2]);
        Assert.True(drawn[0].DistinctBy(y => string.Join(',', y)).Count() > Each / 2);

        int[][] Draw(int update) => [.. Rollout.Draw(model, prompts, order, update, Options, out _).Select(e => e.ResponseIds)];
    }

    [Fact]
    public void An_epoch_of_updates_answers_every_prompt_once()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Toy.Model(device);
        int[][] prompts = [.. Toy.Examples.Select(e => e.PromptIds)];
        var order = new BatchOrder(prompts.Length, Options.Seed);
        Example[] epoch = [.. Rollout.Draw(model, prompts, order, 0, Options, out _), .. Rollout.Draw(model, prompts, order, 1, Options, out double ended)];
        Assert.Equal(prompts.Select(p => string.Join(',', p)).Order(), epoch.Select(e => string.Join(',', e.PromptIds)).Order());
        Assert.Equal(epoch[Each..].Average(e => e.ResponseIds[^1] == Toy.End ? 1.0 : 0), ended, 1e-12);
    }
}
