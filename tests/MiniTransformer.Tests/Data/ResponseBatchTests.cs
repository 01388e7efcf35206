using FsCheck.Xunit;
using MiniTransformer.Data;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Data;

public class ResponseBatchTests
{
    [Fact]
    public void Labels_are_shifted_once()
    {
        ResponseBatch batch = new([new([1, 2, 3], [4, 5, 6])]);
        Assert.Equal([1, 2, 3, 4, 5], batch.Inputs);
        Assert.Equal([0, 5], batch.InputStarts);
        Assert.Equal([2, 3, 4], batch.Rows);
        Assert.Equal([4, 5, 6], batch.Targets);
        Assert.Equal([0, 3], batch.Starts);
        Assert.Equal((1, 3), (batch.B, batch.N));
    }

    [Fact]
    public void The_first_answer_token_carries_loss()
    {
        ResponseBatch batch = new([new([7], [8])]);
        Assert.Equal([7], batch.Inputs);
        Assert.Equal([0], batch.Rows);
        Assert.Equal([8], batch.Targets);
    }

    [Fact]
    public void Sequences_follow_one_another_each_as_long_as_it_is()
    {
        ResponseBatch batch = new([new([1], [2, 3]), new([4, 5, 6], [7])]);
        Assert.Equal([1, 2, 4, 5, 6], batch.Inputs);
        Assert.Equal([0, 2, 5], batch.InputStarts);
        Assert.Equal([0, 1, 4], batch.Rows);
        Assert.Equal([2, 3, 7], batch.Targets);
        Assert.Equal([0, 2, 3], batch.Starts);
    }

    [Fact]
    public void After_the_last_token_with_loss_a_conversation_has_no_input()
    {
        Example chat = new([1, 2], [9]) { Turns = new([1, 2, 3, 4, 5, 6], [(2, 3), (3, 4)]) };
        ResponseBatch batch = ResponseBatch.OfTurns([chat, new([7], [8])]);
        Assert.Equal([1, 2, 3, 7], batch.Inputs);
        Assert.Equal([3, 4, 8], batch.Targets);
        Assert.Equal([0, 1, 2, 3], batch.Starts);
    }

    // For every batch: row n sits in its own sequence, the input there is the token before the target in that sequence, and nothing else
    // carries loss. Tokens encode (sequence, place), so a neighbour's token or a shift by one is seen.
    [Property(MaxTest = 300)]
    public bool Neighbours_leak_into_no_row(byte[] lengths)
    {
        Example[] examples = lengths.Select((l, b) => new Example(
            Enumerable.Range(0, 1 + l % 7).Select(i => 1000 * b + i).ToArray(),
            Enumerable.Range(1 + l % 7, 1 + l / 7 % 5).Select(i => 1000 * b + i).ToArray())).ToArray();
        if (examples.Length == 0) return true;
        ResponseBatch batch = new(examples);
        for (int b = 0; b < batch.B; b++)
        {
            int prompt = examples[b].PromptIds.Length, response = examples[b].ResponseIds.Length;
            if (batch.Starts[b + 1] - batch.Starts[b] != response
                || batch.InputStarts[b + 1] - batch.InputStarts[b] != prompt + response - 1)
            {
                return false;
            }
            for (int j = 0; j < response; j++)
            {
                int n = batch.Starts[b] + j, row = batch.Rows[n];
                if (row != batch.InputStarts[b] + prompt - 1 + j) return false;
                if (batch.Targets[n] != 1000 * b + prompt + j || batch.Inputs[row] != 1000 * b + prompt + j - 1) return false;
            }
        }

        return batch.Rows.Length == examples.Sum(e => e.ResponseIds.Length) && batch.Rows.Distinct().Count() == batch.N;
    }

    [Fact]
    public void All_zero_masks_are_an_error_naming_the_line()
    {
        Example[] examples = [new([1, 2], [], Source: "demos.jsonl:12"), new([3], [], Source: "demos.jsonl:40")];
        DataException e = Assert.Throws<DataException>(() => new ResponseBatch(examples));
        Assert.Contains("demos.jsonl:12, demos.jsonl:40", e.Message);
        Assert.Contains("no token of this batch carries loss", e.Message);
    }

    [Fact]
    public void An_example_without_response_may_ride_along_with_others()
    {
        ResponseBatch batch = new([new([1, 2, 3, 4], []), new([5], [6])]);
        Assert.Equal([0], batch.Rows); // nothing is computed for it
        Assert.Equal([6], batch.Targets);
        Assert.Equal([5], batch.Inputs);
        Assert.Equal([0, 0, 1], batch.InputStarts);
        Assert.Equal([0, 0, 1], batch.Starts);
    }

    [Fact]
    public void A_prompt_without_tokens_is_an_error_naming_the_line()
    {
        DataException e = Assert.Throws<DataException>(() => new ResponseBatch([new([1], [2]), new([], [3], Source: "d.jsonl:2")]));
        Assert.StartsWith("d.jsonl:2: ", e.Message);
    }

    [Fact]
    public void Text_is_framed_by_begin_and_end()
    {
        Example example = Example.FromText("ab", "c", new ByteTokenizer(), "made:1");
        Assert.Equal([256, 'a', 'b'], example.PromptIds);
        Assert.Equal([(int)'c', 257], example.ResponseIds);
        Assert.Equal(("ab", "c", "made:1", 4), (example.Prompt, example.Response, example.Source, example.Positions));
    }
}
