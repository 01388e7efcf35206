using System.Text;
using MiniTransformer.Data;
using MiniTransformer.Judges;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Judges;

public class JsonlTaskTests
{
    private const string Lines = """
        {"prompt": "1+1=", "completion": "2"}
        {"messages": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "it is 4."}]}
        {"prompt": "1+1=", "completion": "ten in base two: 10", "pattern": "^1"}
        """;

    private static readonly ByteTokenizer Tokenizer = new();

    [Fact]
    public void Own_data_becomes_prompts_that_the_evaluation_judges()
    {
        var task = new JsonlTask("own", Read(Lines), new NumericJudge());
        Assert.Equal(["1+1=", "user: 2+2"], task.Prompts.Select(p => p.Text));
        Assert.Equal("2", task.Answer("1+1="));

        // Any completion of the prompt counts; a chat prompt keeps the tokens of the chat template; a response that does not end is wrong.
        Assert.Equal(ChatTemplate.EncodePrompt([new ChatMessage("user", "2+2")], Tokenizer), task.Prompts[1].Encode(Tokenizer).Ids);
        Assert.Equal([1.0, 1, 0], task.Score([("1+1=", "2.0"), ("1+1=", "10"), ("user: 2+2", "5")]));
        Assert.True(task.Prompts[0].Accepts([.. Tokenizer.Encode("so 2"), ByteTokenizer.End], Tokenizer));
        Assert.False(task.Prompts[0].Accepts(Tokenizer.Encode("so 2"), Tokenizer));
        SampledResponse[] responses = [Response("2"), Response("four: 4"), new SampledResponse(Tokenizer.Encode("2"), [0], false)];
        Accuracy accuracy = Evaluation.Judge([.. task.Prompts, task.Prompts[0]], responses, Tokenizer);
        Assert.Equal([true, true, false], accuracy.Right);
        Assert.Equal(2 / 3.0, accuracy.PerTask["own"]);
        Assert.Contains(task.NewPrompt(new Rng(1)), task.Prompts.Select(p => p.Text));
    }

    [Fact]
    public void A_pattern_is_read_with_the_line_and_never_learned_from()
    {
        Example[] examples = Read(Lines);
        Assert.Equal([null, null, "^1"], examples.Select(e => e.Pattern));
        var task = new JsonlTask("own", examples, new RegexJudge("^2$"));
        Assert.Equal([1.0, 1, 0], task.Score([("1+1=", "2"), ("1+1=", "1x"), ("1+1=", "3")]));
    }

    [Fact]
    public void Graded_scores_count_as_right_from_one_half_on_and_their_mean_is_kept()
    {
        Accuracy accuracy = Accuracy.Of([Response("a"), Response("b"), Response("c"), Response("d")], [.5, .49, 1, 0]);
        Assert.Equal([true, false, true, false], accuracy.Right);
        Assert.Equal(.5, accuracy.Total);
        Assert.Equal(1.99 / 4, accuracy.MeanScore, 12);
    }

    [Fact]
    public void Data_that_a_verifier_cannot_judge_is_refused_at_its_line()
    {
        var ids = Assert.Throws<DataException>(() =>
            new JsonlTask("own", Read("""{"prompt_ids": [1], "completion_ids": [2]}"""), new ExactJudge()));
        Assert.StartsWith("own.jsonl:1: the prompt is given as ids", ids.Message, StringComparison.Ordinal);
        string same = """
            {"prompt": "user: hi", "completion": "a"}
            {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a"}]}
            """;
        var twice = Assert.Throws<DataException>(() => new JsonlTask("own", Read(same), new ExactJudge()));
        Assert.StartsWith("own.jsonl:2: the prompt reads like that of own.jsonl:1", twice.Message, StringComparison.Ordinal);
    }

    private static Example[] Read(string lines) =>
        [.. JsonlReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(lines)), "own.jsonl", Tokenizer)];

    private static SampledResponse Response(string text) => new([.. Tokenizer.Encode(text), ByteTokenizer.End], [], true);
}
