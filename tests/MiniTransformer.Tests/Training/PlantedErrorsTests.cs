using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class PlantedErrorsTests
{
    private static readonly ByteTokenizer Tokenizer = new();
    private static readonly TokenKinds Kinds = new(Tokenizer, ByteTokenizer.End);

    [Theory]
    [InlineData("a", "z", true)]
    [InlineData("a", "A", false)]
    [InlineData("3", "9", true)]
    [InlineData("3", "a", false)]
    [InlineData("+", "-", true)]
    [InlineData(" ", "+", false)]
    public void Small_letters_capitals_digits_and_signs_are_kinds(string one, string other, bool same)
    {
        string? first = Kinds.Of(Tokenizer.Encode(one)[0]), second = Kinds.Of(Tokenizer.Encode(other)[0]);
        Assert.NotNull(first);
        Assert.Equal(same, first == second);
    }

    [Fact]
    public void Special_tokens_are_of_no_kind()
    {
        Assert.All([ByteTokenizer.Begin, ByteTokenizer.End, ByteTokenizer.Pad, ByteTokenizer.UserRole], id => Assert.Null(Kinds.Of(id)));
        var ids = new TokenKinds(null, ends: 9);
        Assert.Null(ids.Of(9));
        Assert.Equal(ids.Of(3), ids.Of(700));
    }

    [Fact]
    public void One_token_is_replaced_by_another_of_its_kind_and_never_the_end()
    {
        Example[] right = Right("reverse,upper,count", 300);
        HashSet<int> seen = [.. right.SelectMany(e => e.ResponseIds)];
        IReadOnlyList<PlantedExample> planted = PlantedErrors.Plant(right, Kinds, seed: 4);
        Assert.Equal(right.Length, planted.Count);
        foreach ((Example before, PlantedExample after) in right.Zip(planted))
        {
            int[] changed = [.. Enumerable.Range(0, before.ResponseIds.Length)
                .Where(t => before.ResponseIds[t] != after.Example.ResponseIds[t])];
            Assert.Equal([after.Position], changed);
            Assert.Equal(before.ResponseIds.Length, after.Example.ResponseIds.Length);
            Assert.Equal(before.ResponseIds[after.Position], after.RightId);
            Assert.NotEqual(ByteTokenizer.End, after.RightId);
            Assert.Equal(Kinds.Of(after.RightId), Kinds.Of(after.Example.ResponseIds[after.Position]));
            Assert.Contains(after.Example.ResponseIds[after.Position], seen);
            Assert.Equal(before.PromptIds, after.Example.PromptIds);
        }

        Assert.Equal(planted.Select(Text), PlantedErrors.Plant(right, Kinds, seed: 4).Select(Text));
        Assert.NotEqual(planted.Select(Text), PlantedErrors.Plant(right, Kinds, seed: 5).Select(Text));

        static string Text(PlantedExample p) => $"{p.Position} {Tokenizer.Decode(p.Example.ResponseIds)}";
    }

    // 6000 draws of one of 4 places and one of 3 letters: each count's standard deviation is below 40; the tolerance is more than four of
    // them.
    [Fact]
    public void Places_and_replacements_are_uniform()
    {
        Example[] right = [.. Enumerable.Range(0, 6000).Select(_ => Example.FromText("x", "abcd", Tokenizer))];
        IReadOnlyList<PlantedExample> planted = PlantedErrors.Plant(right, Kinds, seed: 1);
        for (int t = 0; t < 4; t++)
        {
            PlantedExample[] here = [.. planted.Where(p => p.Position == t)];
            Assert.InRange(here.Length, 1330, 1670);
            Assert.All(here.GroupBy(p => p.Example.ResponseIds[t]), g => Assert.InRange(g.Count(), 410, 590));
            Assert.Equal(3, here.Select(p => p.Example.ResponseIds[t]).Distinct().Count());
        }
    }

    [Fact]
    public void Responses_without_a_place_for_an_error_are_left_out_and_counted()
    {
        Example[] right = [Example.FromText("x", "", Tokenizer), Example.FromText("x", "7", Tokenizer),
            Example.FromText("x", "ab7", Tokenizer)];
        PlantedExample only = Assert.Single(PlantedErrors.Plant(right, Kinds, seed: 1)); // 7 is the only digit: nothing can replace it
        Assert.InRange(only.Position, 0, 1);
        Assert.Empty(PlantedErrors.Plant(right, Kinds, seed: 1, accepts: (i, _) => i == 2)); // right after all
        using Device device = Device.Cpu(1);
        using Transformer model = Model(device, 1);
        Assert.Equal(2, PlantedErrors.Measure(model, [], [only], right.Length, ByteTokenizer.Pad, 1).Skipped);
        ArgumentException none = Assert.Throws<ArgumentException>(() => PlantedErrors.Measure(model, [], [], 3, ByteTokenizer.Pad, 1));
        Assert.Contains("in any of 3 responses", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Before_the_error_nothing_changes_and_r_Q_passes_the_value_of_the_wrong_state_to_the_token_after_it()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Model(device, 1), reference = Model(device, 2);
        Example[] right = Right("reverse", 40);
        foreach (PlantedExample planted in PlantedErrors.Plant(right, Kinds, seed: 2))
        {
            int e = planted.Position, n = planted.Example.ResponseIds.Length;
            int[] ids = [.. planted.Example.ResponseIds];
            ids[e] = planted.RightId;
            TokenScores before = Score(planted.Example with { ResponseIds = ids }), after = Score(planted.Example);
            for (int t = 0; t < e; t++)
            {
                Assert.Equal(before.LogProb[t], after.LogProb[t]);
                Assert.Equal(before.RQ[t], after.RQ[t]);
                Assert.Equal(before.References[0].LogProb[t], after.References[0].LogProb[t]);
            }

            // r_Q(e) − log π(e) = V(s_e) − V(s_{e+1}): the same V(s_{e+1}) with the other sign stands in r_Q(e+1) − log π(e+1).
            Assert.Equal(before.Value[e], after.Value[e]);
            Assert.NotEqual(before.Value[e + 1], after.Value[e + 1]);
            double atError = after.RQ[e] - after.LogProb[e] - after.Value[e];
            double afterIt = after.RQ[e + 1] - after.LogProb[e + 1] + (e + 2 < n ? after.Value[e + 2] : 0);
            Assert.Equal(0, atError + afterIt, 1e-5);
        }

        TokenScores Score(Example example) => TokenCredit.Score(model, [reference], new ResponseBatch([example]));
    }

    [Fact]
    public void The_rows_are_the_localisation_of_the_scores_computed_one_response_at_a_time()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Model(device, 1), early = Model(device, 2), late = Model(device, 3);
        TaskPrompt[] prompts = [.. new PromptSplits(BuiltIn.Parse("reverse,next"), 1, new PromptSplitSizes(150, 0, 0, 0)).Evaluation];
        PlantedErrorResult result = PlantedErrors.Measure(model, [new("early", early), new("late", late)], prompts, Tokenizer, seed: 6);

        PlantedExample[] planted =
            [.. PlantedErrors.Plant([.. prompts.Select(p => Example.FromText(p.Text, p.Task.Answer(p.Text), Tokenizer))], Kinds, seed: 6)];
        int[] places = [.. planted.Select(p => p.Position)], starts = [0, .. planted.Select(p => p.Example.ResponseIds.Length)];
        for (int i = 1; i < starts.Length; i++) starts[i] += starts[i - 1];
        RecoveredRewards[] plain = [.. planted.Select(p => new DenseReward(model, late).Recover(new ResponseBatch([p.Example])))];
        RecoveredRewards[] centred =
            [.. planted.Select(p =>
                new DenseReward(model, late, new RewardOptions { Centred = true }).Recover(new ResponseBatch([p.Example])))];
        (CreditScore Score, string? Reference, double[] Values)[] expected =
        [
            (CreditScore.RHat, "late", Values(plain, r => r.RHat)),
            (CreditScore.CentredRHat, "late", Values(centred, r => r.RHat)),
            (CreditScore.RHatSize, "late", [.. Values(plain, r => r.RHat).Select(x => -Math.Abs(x))]),
            (CreditScore.RQ, null, Values(plain, r => r.RQ)),
            (CreditScore.LogPolicy, null, Values(plain, r => r.LogProb)),
        ];
        Assert.Equal((2 * 3) + 2, result.Scores.Count);
        foreach ((CreditScore score, string? reference, double[] values) in expected)
        {
            ScoreLocalisation row = result.Scores.Single(s => s.Score == score && s.Reference == reference);
            Assert.Equal(Localisation.HitRate(values, starts, places), row.HitRate, 1e-9);
            Assert.Equal(Localisation.Auc(values, starts, places), row.Auc, 1e-4); // a rounding may exchange two of 100,000 pairs
            Assert.InRange(row.HitRate, row.HitLow, row.HitHigh);
            Assert.InRange(row.Auc, row.AucLow, row.AucHigh);
        }

        Assert.Equal(150, result.Responses);
        Assert.Equal(Localisation.Chance(starts), result.Chance);
        Assert.Equal(starts[^1] / 150.0, result.MeanLength);
        string json = JsonSerializer.Serialize(result, RunDirectory.Json);
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<PlantedErrorResult>(json, RunDirectory.Json),
            RunDirectory.Json));

        static double[] Values(RecoveredRewards[] all, Func<RecoveredRewards, float[]> of) =>
            [.. all.SelectMany(of).Select(x => (double)x)];
    }

    [Fact]
    public void A_trained_policy_finds_planted_errors_by_log_probability_and_an_untrained_one_does_not()
    {
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Toy.Config, ParameterSource.Random(device, 1));
        using Transformer untrained = model.Clone();
        foreach (SftStep _ in Sft.Train(model, Toy.Examples,
            new SftOptions { Steps = 300, BatchSize = 42, LearningRate = 5e-3, KeepAt = [] })) { }
        PlantedExample[] planted = [.. PlantedErrors.Plant(Toy.Examples, new TokenKinds(null, Toy.End), seed: 3)];
        NamedReference[] references = [new("untrained", untrained)];
        PlantedErrorResult trained = PlantedErrors.Measure(model, references, planted, planted.Length, 3);
        ScoreLocalisation logPolicy = trained.Scores.Single(s => s.Score == CreditScore.LogPolicy),
            rHat = trained.Scores.Single(s => s.Score == CreditScore.RHat);
        Assert.True(logPolicy.Auc > .95 && logPolicy.HitRate > .8, $"log π_SFT: AUC {logPolicy.Auc}, hit rate {logPolicy.HitRate}");
        Assert.True(rHat.Auc > .95, $"r̂: AUC {rHat.Auc}");
        ScoreLocalisation blind = PlantedErrors.Measure(untrained, [], planted, planted.Length, 3).Scores.Single(s =>
            s.Score == CreditScore.LogPolicy);
        Assert.True(blind.Auc < logPolicy.AucLow, $"untrained: AUC {blind.Auc}");
    }

    [Fact]
    public void A_reward_that_is_not_known_blames_no_token()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Toy.Model(device);
        int n = Toy.Config.MaxPositions - 1; // with a prompt of two tokens the context is full: V after the last token is not known
        PlantedExample[] planted = [.. Enumerable.Range(0, n - 1)
            .Select(at =>
                new PlantedExample(new Example([Toy.Begin, 3], [.. Enumerable.Range(0, n).Select(t => t == at ? 5 : 4)]), at, 4))];
        int[] starts = [.. Enumerable.Range(0, n).Select(b => b * n)], places = [.. planted.Select(p => p.Position)];
        float[] rQ = TokenCredit.Score(model, [], new ResponseBatch([.. planted.Select(p => p.Example)]), ends: Toy.End).RQ;
        Assert.Equal(n - 1, rQ.Count(float.IsNaN));
        double[] values = [.. rQ.Select(r => float.IsNaN(r) ? double.PositiveInfinity : r)];
        ScoreLocalisation row = PlantedErrors.Measure(model, [], planted, planted.Length, 1, Toy.End).Scores.Single(s =>
            s.Score == CreditScore.RQ);
        Assert.Equal(Localisation.Auc(values, starts, places), row.Auc, 1e-3);
        Assert.Equal(Localisation.HitRate(values, starts, places), row.HitRate, 1e-9);
    }

    private static Example[] Right(string tasks, int count)
    {
        IReadOnlyList<TaskPrompt> prompts = new PromptSplits(BuiltIn.Parse(tasks), 1, new PromptSplitSizes(count, 0, 0, 0)).Evaluation;
        return [.. prompts.Select(p => Example.FromText(p.Text, p.Task.Answer(p.Text), Tokenizer))];
    }

    private static Transformer Model(Device device, ulong seed) => new(
        new TransformerConfig { VocabSize = 262, HiddenSize = 16, IntermediateSize = 24, NumLayers = 1, NumHeads = 2, MaxPositions = 32 },
        ParameterSource.Random(device, seed));
}
