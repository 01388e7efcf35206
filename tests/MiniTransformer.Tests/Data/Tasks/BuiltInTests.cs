using MiniTransformer.Data.Tasks;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Data.Tasks;

public class BuiltInTests
{
    [Theory]
    [InlineData("rev:abcd=", "dcba")]
    [InlineData("nxt:abjz=", "bcka")]
    [InlineData("prv:abjz=", "zaiy")]
    [InlineData("upp:abcd=", "ABCD")]
    [InlineData("swp:abcde=", "badce")]
    [InlineData("swp:abcd=", "badc")]
    [InlineData("exc:abcd=", "dbca")]
    [InlineData("exc:a=", "a")]
    [InlineData("rot:abcd=", "bcda")]
    [InlineData("dup:abc=", "aabbcc")]
    [InlineData("mir:abc=", "abccba")]
    [InlineData("srt:dbca=", "abcd")]
    [InlineData("unq:abcab=", "abc")]
    [InlineData("cnt:baba=", "a2b2")]
    [InlineData("add:12+34=", "46")]
    [InlineData("add:99+1=", "100")]
    public void A_prompt_has_its_right_answer(string prompt, string answer)
    {
        ITask task = BuiltIn.Of(prompt)!;
        Assert.Equal(answer, task.Answer(prompt));
        Assert.True(task.Verify(prompt, answer));
        Assert.False(task.Verify(prompt, answer + " "));
        Assert.False(task.Verify(prompt, answer[..^1]));
        Assert.False(task.Verify(prompt, ""));
    }

    [Fact]
    public void Every_task_draws_prompts_of_its_own_that_it_can_answer()
    {
        Assert.True(BuiltIn.All.Count >= 10);
        foreach (ITask task in BuiltIn.All)
        {
            Rng rng = new(7);
            for (int i = 0; i < 200; i++)
            {
                string prompt = task.NewPrompt(rng);
                Assert.Same(task, BuiltIn.Of(prompt));
                Assert.True(task.Verify(prompt, task.Answer(prompt)));
                Assert.NotEmpty(task.Input(prompt));
            }
        }
    }

    [Fact]
    public void The_same_seed_draws_the_same_prompts()
    {
        foreach (ITask task in BuiltIn.All)
            Assert.Equal(Draw(task, 3), Draw(task, 3));
        Assert.NotEqual(Draw(BuiltIn.All[0], 3), Draw(BuiltIn.All[0], 4));

        static string[] Draw(ITask task, ulong seed)
        {
            Rng rng = new(seed);
            return Enumerable.Range(0, 10).Select(_ => task.NewPrompt(rng)).ToArray();
        }
    }

    [Fact]
    public void Words_have_the_letters_and_lengths_asked_for()
    {
        Words words = new(2, 3, "xyz");
        Rng rng = new(1);
        string[] drawn = Enumerable.Range(0, 2000).Select(_ => words.Draw(rng)).ToArray();
        Assert.Equal(9 + 27, drawn.Distinct().Count());  // all words of 2 and 3 letters out of 3, and no others
        Assert.All(drawn, w => Assert.True(w.Length is 2 or 3 && w.All("xyz".Contains)));
        // Lengths are uniform: 2000 fair draws have a standard deviation of 22, and the seed is fixed.
        Assert.InRange(drawn.Count(w => w.Length == 2), 900, 1100);
        Assert.Throws<ArgumentException>(() => new Words(3, 2).Draw(rng));
        Assert.Throws<ArgumentException>(() => new Words(Alphabet: "aa").Draw(rng));
        Assert.StartsWith("rev:", BuiltIn.Parse("reverse", words)[0].NewPrompt(rng));
    }

    [Fact]
    public void Tasks_are_chosen_by_name_or_prefix()
    {
        Assert.Equal(["reverse", "sort", "add"], BuiltIn.Parse("reverse, srt,add").Select(t => t.Name));
        Assert.Equal(BuiltIn.All, BuiltIn.Parse("all"));
    }

    [Fact]
    public void An_unknown_task_is_answered_with_the_nearest_name_and_all_of_them()
    {
        string message = Assert.Throws<ArgumentException>(() => BuiltIn.Parse("revrse,sort")).Message;
        Assert.Contains("'revrse'", message);
        Assert.Contains("Did you mean 'reverse'?", message);
        Assert.All(BuiltIn.All, t => Assert.Contains(t.Name, message));
        Assert.DoesNotContain("Did you mean", Assert.Throws<ArgumentException>(() => BuiltIn.Parse("quantum")).Message);
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => BuiltIn.Parse("sort,sort")).Message);
        Assert.Throws<ArgumentException>(() => BuiltIn.Parse(""));
    }

    [Theory]
    [InlineData("rev:ab")]
    [InlineData("rev:AB=")]
    [InlineData("rev:=")]
    [InlineData("add:1+2+3=")]
    [InlineData("add:-1+2=")]
    [InlineData("add:")]
    public void A_prompt_that_is_not_the_tasks_is_refused(string prompt) =>
        Assert.Throws<ArgumentException>(() => BuiltIn.Of(prompt)!.Answer(prompt));

    // The example of ITask's documentation.
    [Fact]
    public void A_task_of_ones_own_is_one_small_class()
    {
        ITask shout = new Shout();
        string prompt = shout.NewPrompt(new Rng(1));
        Assert.StartsWith("shout:", prompt);
        Assert.Equal("ABC!", shout.Answer("shout:abc="));
        Assert.True(shout.Verify("shout:abc=", "ABC!"));
        Assert.False(shout.Verify("shout:abc=", "abc!"));
        Assert.Equal("abc", new Demonstrator { Good = 0, Cut = 0 }.Answer(shout, "shout:abc=", new Rng(1)));
        Assert.All(new PromptSplits([shout], 1).Evaluation, p => Assert.Same(shout, p.Task));
    }

    private sealed class Shout : ITask
    {
        public string Name => "shout";

        public string Description => "the word in capitals, with an exclamation mark";

        public string NewPrompt(Rng rng) => $"shout:{Words.Default.Draw(rng)}=";

        public string Answer(string prompt) => Word(prompt).ToUpperInvariant() + "!";

        private static string Word(string prompt) => prompt["shout:".Length..^1];
    }
}
