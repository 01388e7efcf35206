using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.IO;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Experiments;

public class OwnDataTests
{
    private static readonly ByteTokenizer Tokenizer = new();

    // Two demonstrations of each prompt; responses longer than any built-in task's.
    private static readonly Demonstrations Data = Demonstrations.FromExamples(
        Enumerable.Range(0, 80).Select(i =>
            Example.FromText($"{i / 2} and one is ", $"{new string('.', 20 + i % 7)}{i / 2 + 1}", Tokenizer, $"own.jsonl:{i + 1}")));

    private static OwnData Own(double validation = .25, double heldOut = .25, ulong seed = 1, string? baseFolder = null) =>
        OwnData.Split("own", Data, new NumericJudge(), validation, heldOut, seed, baseFolder);

    [Fact]
    public void The_parts_share_no_prompt_and_evaluation_is_what_sft_holds_out()
    {
        OwnData own = Own();
        string[][] parts = [.. new[] { own.Training, own.Validation, own.Evaluation }.Select(part => part.Select(p => p.Text).ToArray())];
        Assert.Equal([20, 10, 10], parts.Select(p => p.Length));
        Assert.Equal(40, parts.SelectMany(p => p).Distinct().Count());
        Assert.Equal(Data.Split(.75, seed: 1).HeldOut.Prompts.Select(p => p.Text), parts[2]);
        Assert.Equal(40, own.Demonstrations.Count);
        Assert.All(own.Demonstrations, e => Assert.Contains(e.Prompt, parts[0]));
        Assert.NotEqual(parts[2], Own(seed: 2).Evaluation.Select(p => p.Text));
    }

    [Fact]
    public void Prompts_that_the_base_was_trained_on_are_neither_evaluated_nor_chosen_on()
    {
        OwnData all = Own(.3, .3);
        int[][] seen = [all.Evaluation[0].Encode(Tokenizer).Ids, all.Validation[1].Encode(Tokenizer).Ids, all.Training[0]
            .Encode(Tokenizer).Ids];
        OwnData own = OwnData.Split("own", Data, new NumericJudge(), .3, .3, 1, seen: TrainedPrompts.Of(CompanionFiles.None).With(seen));
        Assert.Equal(2, own.LeftOut);
        Assert.Equal(all.Evaluation.Skip(1).Select(p => p.Text), own.Evaluation.Select(p => p.Text));
        Assert.Equal(all.Validation.Count - 1, own.Validation.Count);
        Assert.Equal(all.Training.Select(p => p.Text), own.Training.Select(p => p.Text));
        Assert.Contains("without 2 that the base was trained on", own.Description, StringComparison.Ordinal);
        Assert.Contains("that the base was not trained on", Assert.Throws<DataException>(() => OwnData.Split(
            "own", Data, new NumericJudge(), .25, .25, 1, seen: TrainedPrompts.Of(CompanionFiles.None)
                .With(Own().Evaluation.Select(p => p.Encode(Tokenizer).Ids)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_seed_has_the_same_parts()
    {
        Regime regime = Regimes.OfOwn(Own(), null);
        using Device device = Device.Cpu(1);
        using World first = new(regime, 1, device), second = new(regime, 101, device);
        Assert.Equal(first.Data.Evaluation, second.Data.Evaluation);
        Assert.Equal(first.Data.Validation, second.Data.Validation);
        Assert.Equal(first.Demonstrations, second.Demonstrations);
        Assert.NotEqual(first.SftOptions.Seed, second.SftOptions.Seed);
    }

    [Fact]
    public void Data_in_their_order_are_two_halves()
    {
        Assert.True(Regimes.OfOwn(Own(), null) is { IsOrdered: false, Parts: 1, Sft.Shuffle: true });
        Assert.True(Regimes.OfOwn(Own(), null, inOrder: true) is { IsOrdered: true, Parts: 2, Sft.Shuffle: false });
    }

    [Theory]
    [InlineData(.1, .25, "4 would be for validation, and at least 10 are needed")]
    [InlineData(.25, .1, "4 would be for evaluation")]
    [InlineData(.4, .4, "8 would be to train on")]
    public void Too_small_a_part_is_refused(double validation, double heldOut, string said) =>
        Assert.Contains(said, Assert.Throws<DataException>(() => Own(validation, heldOut)).Message, StringComparison.Ordinal);

    [Fact]
    public void Too_few_prompts_are_refused()
    {
        var few = Demonstrations.FromExamples(Data.Take(58)); // 29 prompts
        string message = Assert.Throws<DataException>(() => OwnData.Split("own", few, new NumericJudge(), .3, .3, 1)).Message;
        Assert.Contains("there are 29 different prompts, and a comparison needs at least 30", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_completion_that_the_verifier_cannot_use_is_found_beforehand()
    {
        Demonstrations bad = Demonstrations.FromExamples(Data.Select((e, i) =>
            i < 78 ? e : e with { Response = "none", ResponseIds = [.. Tokenizer.Encode("none"), ByteTokenizer.End] }));
        OwnData own = OwnData.Split("own", bad, new NumericJudge(), .25, .25, 1);
        Assert.Contains("own.jsonl:79", Assert.Throws<DataException>(own.CheckJudge).Message, StringComparison.Ordinal);
        Own().CheckJudge();
    }

    [Fact]
    public void Positions_and_longest_response_come_from_the_data()
    {
        Regime regime = Regimes.OfOwn(Own(), null);
        int longest = Data.Max(e => e.ResponseIds.Length) + 1;
        Assert.Equal(longest, regime.Dpr.MaxTokens);
        Assert.InRange(regime.Model.MaxPositions, Data.Max(e => e.PromptIds.Length) + longest, 100);
        Assert.Equal(1536 / longest / 4 * 4, regime.Dpr.PromptsPerUpdate); // as many tokens an update as 192 responses of 8
        Assert.False(regime.HasBase);
        Assert.Equal("10%", regime.MainReference);
        Assert.Equal("agreement with the demonstrations by numeric", regime.Measured);
        Demonstrations gold = Demonstrations.FromExamples(Data.Select((e, i) => e with { Gold = $"{i}" }));
        Assert.Equal("accuracy by numeric", Regimes.OfOwn(OwnData.Split("own", gold, new NumericJudge(), .25, .25, 1), null).Measured);
    }

    [Fact]
    public void The_longest_prompt_and_response_may_be_those_that_are_evaluated()
    {
        var evaluated = Demonstrations.FromExamples(Enumerable.Range(0, 20)
            .Select(i =>
                Example.FromText($"a longer prompt than all the others, of number {i}: ", $"{new string('.', 40)}{i}", Tokenizer)));
        OwnData own = OwnData.Split("own", Data, new NumericJudge(), .25, .25, 1, evaluated: evaluated);
        Assert.Equal(evaluated.Max(e => e.PromptIds.Length), own.LongestPrompt);
        Assert.Equal(evaluated.Max(e => e.ResponseIds.Length) + 1, own.ResponseRoom);
        Assert.Equal(evaluated.Prompts.Select(p => p.Text), own.Evaluation.Select(p => p.Text));
    }

    [Fact]
    public void With_a_base_training_starts_from_it_and_it_is_a_reference()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        Regime small = Regimes.OfOwn(Own(), null);
        using var saved = new MiniTransformer.Nn.Transformer(small.Model, MiniTransformer.Nn.ParameterSource.Random(device, 9));
        Checkpoint.Save(folder["base"], saved, Tokenizer);
        Regime regime = Regimes.OfOwn(Own(baseFolder: folder["base"]), saved.Config).Reduced();
        Assert.Equal("base", regime.MainReference);
        using var world = new World(regime, 3, device, folder["bases"]);
        foreach (ExperimentEvent _ in world.Prepare())
        {
        }

        Assert.Equal(World.ReferencesOf(regime), world.References.Keys);
        for (int i = 0; i < saved.Parameters.Count; i++)
        {
            Assert.Equal(saved.Parameters[i].ToArray(), world.Reference("base").Parameters[i].ToArray());
        }
        Assert.NotEqual(saved.Parameters[0].ToArray(), world.Expert.Parameters[0].ToArray());
        Assert.False(Directory.Exists(folder["bases"]));
    }

    [Fact]
    public void A_score_between_wrong_and_right_reaches_methods_that_take_the_verifier_as_reward()
    {
        using Device device = Device.Cpu(1);
        using var world = new World(Regimes.OfOwn(OwnData.Split("own", Data, new Half(), .25, .25, 1), null), 1, device);
        TaskPrompt prompt = world.Data.Reinforcement[0];
        Assert.Equal([.5], world.Judge([new Example(prompt.Encode(Tokenizer).Ids, [65, ByteTokenizer.End])]));
    }

    [Fact]
    public void Where_no_answer_is_right_no_error_is_planted()
    {
        OwnData own = OwnData.Split("own", Data, new RegexJudge("^never$"), .25, .25, 1);
        using Device device = Device.Cpu(1);
        using var model = new MiniTransformer.Nn.Transformer(Regimes.OfOwn(own, null).Model,
            MiniTransformer.Nn.ParameterSource.Random(device, 1));
        PlantedErrorResult result = PlantedErrors.Measure(model, [], own.Validation, Tokenizer, 1);
        Assert.Equal((0, own.Validation.Count), (result.Responses, result.Skipped));
        Assert.Empty(result.Scores);
    }

    private sealed class Half : IJudge
    {
        public string Name => "half";

        public bool ComparesWithAnswer => false;

        public string Description => "it is there";

        public double[] Score(IReadOnlyList<Answer> answers) => [.. answers.Select(_ => .5)];
    }
}
