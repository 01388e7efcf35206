using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class RolloutTests
{
    private const int Each = 30;
    [Fact]
    public void What_ends_a_response_is_the_policys_own_unless_the_options_say_it_and_never_a_guess()
    {
        using Device device = Device.Cpu(1);
        using Transformer silent = Toy.Model(device),
            named = new(Toy.Config with { Ends = new EndTokens(Toy.End, 5) }, ParameterSource.Random(device, 1));
        int[][] prompts = [.. Toy.Examples.Select(e => e.PromptIds)];
        DprOptions unsaid = Options with { Ends = null };
        string message = Assert.Throws<ArgumentException>(() => Draw(silent, unsaid)).Message;
        Assert.Contains("Set Ends", message, StringComparison.Ordinal);
        Assert.Equal(Draw(silent, Options with { Ends = new EndTokens(Toy.End, 5) }), Draw(named, unsaid));
        Assert.NotEqual(Draw(named, Options), Draw(named, unsaid));

        string[] Draw(Transformer policy, DprOptions options) =>
            [.. Rollout.Draw(policy, prompts, new BatchOrder(prompts.Length, 3), 0, options, out _)
                .Select(e => string.Join(' ', e.ResponseIds))];
    }

    [Fact]
    public void A_prompt_without_room_is_refused_by_its_number_before_anything_is_trained()
    {
        using Device device = Device.Cpu(1);
        using Transformer policy = Toy.Model(device),
            shorter = new(Toy.Config with { MaxPositions = 3 }, ParameterSource.Random(device, 1));
        int[][] prompts = [[0, 3, 4], [0, 3, 4, 5]];
        Assert.Single(DensePathReinforce.Train(policy, new DenseReward(policy.Clone(), policy.Clone()), prompts,
            Options with { Updates = 1 }));
        string message = Assert.Throws<ArgumentException>(
            () => DensePathReinforce.Train(policy, new DenseReward(policy.Clone(), shorter), prompts, Options with { Updates = 1 })
                .Count()).Message;
        Assert.Contains("Prompt 1 of 2 has 4 tokens", message, StringComparison.Ordinal);

        // What the reference cannot score is not drawn: one token to a prompt of three.
        Assert.Equal(1, DensePathReinforce.Train(policy, new DenseReward(policy.Clone(), shorter), prompts[..1],
            Options with { Updates = 1 }).Single().Length);
    }

    private static readonly DprOptions Options = new() { PromptsPerUpdate = Each, MaxTokens = 6, Ends = Toy.End, Seed = 3 };

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
        Example[] epoch = [.. Rollout.Draw(model, prompts, order, 0, Options, out _),
            .. Rollout.Draw(model, prompts, order, 1, Options, out double ended)];
        Assert.Equal(prompts.Select(p => string.Join(',', p)).Order(), epoch.Select(e => string.Join(',', e.PromptIds)).Order());
        Assert.Equal(epoch[Each..].Average(e => e.ResponseIds[^1] == Toy.End ? 1.0 : 0), ended, 1e-12);
    }

    [Fact]
    public void Several_responses_to_a_prompt_stand_in_a_row_and_are_drawn_apart()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Toy.Model(device);
        int[][] prompts = [.. Toy.Examples.Select(e => e.PromptIds)];
        var order = new BatchOrder(prompts.Length, seed: 3);
        var options = new RlooOptions { PromptsPerUpdate = 10, SamplesPerPrompt = 4, MaxTokens = 6, Ends = Toy.End, Seed = 3 };
        Example[] first = Rollout.Draw(model, prompts, order, 0, options, out _),
            second = Rollout.Draw(model, prompts, order, 1, options, out _);
        Assert.Equal(order.IndicesOf(0, 10).SelectMany(i => Enumerable.Repeat(prompts[i], 4)), first.Select(e => e.PromptIds));
        Assert.Equal(order.IndicesOf(1, 10).SelectMany(i => Enumerable.Repeat(prompts[i], 4)), second.Select(e => e.PromptIds));
        Assert.True(first.Chunk(4).Count(group => group.DistinctBy(e => string.Join(',', e.ResponseIds)).Count() > 1) >= 8);

        // Draws do not repeat from update to update: the same prompts again are answered otherwise.
        var one = new BatchOrder(1, seed: 3);
        string[] Draw(int update) =>
            [.. Rollout.Draw(model, prompts[..1], one, update, options with { PromptsPerUpdate = 1, SamplesPerPrompt = 20 }, out _)
                .Select(e => string.Join(',', e.ResponseIds))];
        Assert.NotEqual(Draw(0), Draw(1));
        Assert.NotEqual(Draw(0)[1..], Draw(1)[..^1]); // nor do they overlap
        Assert.Equal(Draw(1), Draw(1));
    }
}
