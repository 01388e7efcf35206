using FsCheck.Xunit;
using MiniTransformer.Data;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Data;

public class DemonstrationsTests
{
    [Property(MaxTest = 300)]
    public bool Split_puts_no_prompt_in_two_parts(byte[] prompts, ulong seed, byte share)
    {
        Demonstrations all = Some(prompts);
        if (all.Prompts.Count < 2) return true;
        double fraction = (share + 1) / 257.0;
        (Demonstrations train, Demonstrations heldOut) = all.Split(fraction, seed);
        HashSet<string> seen = [.. train.Select(Key)];
        bool disjoint = !heldOut.Any(e => seen.Contains(Key(e)));
        int expected = Math.Clamp((int)Math.Round(fraction * all.Prompts.Count), 1, all.Prompts.Count - 1);
        return disjoint && train.Count + heldOut.Count == all.Count && train.Prompts.Count == expected &&
            all.Where(e => seen.Contains(Key(e))).SequenceEqual(train);  // nothing lost, the order kept
    }

    [Fact]
    public void Split_is_the_same_for_the_same_seed_and_another_for_another()
    {
        Demonstrations all = Some(Enumerable.Range(0, 100).Select(i => (byte)i));
        string[] Held(ulong seed) => all.Split(.8, seed).HeldOut.Select(Key).ToArray();
        Assert.Equal(Held(1), Held(1));
        Assert.NotEqual(Held(1), Held(2));
        Assert.Equal(20, Held(1).Length);
    }

    [Fact]
    public void A_prompt_written_as_text_and_as_ids_is_one_prompt()
    {
        Demonstrations two = Demonstrations.FromExamples([Example.FromText("a", "b", new ByteTokenizer()), new([256, 'a'], [1])]);
        Assert.Single(two.Prompts);
        Assert.Contains("distinct prompt", Assert.Throws<DataException>(() => two.Split(.5, 1)).Message);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    [InlineData(double.NaN)]
    public void A_split_needs_a_fraction_between_0_and_1(double fraction) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Some([1, 2]).Split(fraction, 1));

    [Fact]
    public void Sequences_longer_than_the_model_are_named_and_counted()
    {
        Demonstrations all = Demonstrations.FromExamples(
            [new([1, 2], [3], Source: "d:1"), new([1, 2], [3, 4], Source: "d:2"), new([1, 2], [3, 4, 5], Source: "d:3")]);
        all.CheckLength(4);  // the last token is predicted, and needs no position
        DataException e = Assert.Throws<DataException>(() => all.CheckLength(2));
        Assert.StartsWith("d:2: ", e.Message);
        Assert.Contains("2 of 3 examples", e.Message);
    }

    [Fact]
    public void A_file_is_loaded_and_an_empty_one_refused()
    {
        string path = Path.GetTempFileName();
        try
        {
            Assert.Contains("no example", Assert.Throws<DataException>(() => Demonstrations.Load(path, new ByteTokenizer())).Message);
            File.WriteAllText(path, """{"prompt":"a","completion":"b"}""");
            Assert.Equal($"{path}:1", Assert.Single(Demonstrations.Load(path, new ByteTokenizer())).Source);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static Demonstrations Some(IEnumerable<byte> prompts) =>
        Demonstrations.FromExamples(prompts.Select((p, i) => new Example([256, p % 40, p % 3], [i, 257])));

    private static string Key(Example example) => string.Join(',', example.PromptIds);
}
