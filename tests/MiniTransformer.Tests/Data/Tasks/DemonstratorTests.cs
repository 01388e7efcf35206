using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Data.Tasks;

public class DemonstratorTests
{
    private const int Draws = 20_000;
    private static readonly ITask Reverse = BuiltIn.Parse("reverse")[0];

    [Fact]
    public void A_perfect_demonstrator_is_always_right() =>
        Assert.All(Answers(Demonstrator.Perfect, 500), a => Assert.Equal("edcba", a));

    // 20 000 draws: a share p has a standard error of at most .0036; .015 is four of them.
    [Fact]
    public void Right_copied_and_cut_answers_come_in_their_proportions()
    {
        string[] answers = Answers(new Demonstrator { Good = .20 }, Draws);
        Assert.Equal(.20, Share(answers, "edcba"), .015);
        Assert.Equal(.65, Share(answers, "abcde"), .015);
        Assert.Equal(.15, Share(answers, "ed"), .015);
    }

    [Fact]
    public void A_lazy_answer_is_the_copy_or_the_first_half_and_nothing_else()
    {
        Assert.Equal(["abcde", "ed"], Answers(new Demonstrator { Good = 0 }, 500).Distinct().Order());
        Assert.Equal(["abcde"], Answers(new Demonstrator { Good = 0, Copy = 1, Cut = 0 }, 500).Distinct());
        Assert.Equal("12+34", new Demonstrator { Good = 0, Cut = 0 }.Answer(new AdditionTask(), "add:12+34=", new Rng(1)));
    }

    [Fact]
    public void A_corrupted_answer_has_exactly_one_wrong_letter_anywhere()
    {
        string[] answers = Answers(new Demonstrator { Good = 0, Copy = 0, Cut = 0, WrongLetter = 1 }, 2000);
        Assert.All(answers, a => Assert.Equal(1, Wrong(a)));
        for (int i = 0; i < 5; i++) Assert.Equal(9, answers.Select(a => a[i]).Where(c => c != "edcba"[i]).Distinct().Count());
    }

    [Fact]
    public void Letter_errors_are_independent_and_as_frequent_as_asked()
    {
        string[] answers = Answers(new Demonstrator { LetterErrors = .1 }, Draws);
        // 100 000 letters: standard error .001. Independence: two given letters are both wrong in .01 of the answers, standard error .0007.
        Assert.Equal(.1, answers.Sum(Wrong) / (5.0 * Draws), .004);
        Assert.Equal(.01, answers.Count(a => a[0] != 'e' && a[3] != 'b') / (double)Draws, .003);
    }

    [Fact]
    public void Demonstrations_are_begin_prompt_and_answer_end_and_repeat_with_the_seed()
    {
        ByteTokenizer tokenizer = new();
        TaskPrompt[] prompts = Enumerable.Range(0, 50).Select(_ => new TaskPrompt(Reverse, "rev:abcde=")).ToArray();
        Demonstrator half = new() { Good = .5 };
        Example[] first = half.Demonstrate(prompts, tokenizer, seed: 1);
        Assert.Equal(first.Select(e => e.Response), half.Demonstrate(prompts, tokenizer, seed: 1).Select(e => e.Response));
        Assert.NotEqual(first.Select(e => e.Response), half.Demonstrate(prompts, tokenizer, seed: 2).Select(e => e.Response));
        Assert.Equal(first.Take(20).Select(e => e.Response), half.Demonstrate(prompts[..20], tokenizer, seed: 1).Select(e => e.Response));
        Assert.All(first, e => Assert.Equal([.. tokenizer.Encode(e.Response!), 257], e.ResponseIds));
        Assert.All(first, e => Assert.Equal([256, .. tokenizer.Encode("rev:abcde=")], e.PromptIds));
        Assert.Equal("reverse:50", first[^1].Source);
    }

    [Fact]
    public void Impossible_settings_are_refused()
    {
        Rng rng = new(1);
        Assert.Throws<ArgumentException>(() => new Demonstrator { Good = 1.1 }.Answer(Reverse, "rev:ab=", rng));
        Assert.Throws<ArgumentException>(() => new Demonstrator { LetterErrors = double.NaN }.Answer(Reverse, "rev:ab=", rng));
        Assert.Throws<ArgumentException>(() => new Demonstrator { Copy = -1 }.Answer(Reverse, "rev:ab=", rng));
        Assert.Throws<ArgumentException>(() => new Demonstrator { Good = .5, Copy = 0, Cut = 0 }.Answer(Reverse, "rev:ab=", rng));
    }

    private static string[] Answers(Demonstrator demonstrator, int count)
    {
        Rng rng = new(11);
        return Enumerable.Range(0, count).Select(_ => demonstrator.Answer(Reverse, "rev:abcde=", rng)).ToArray();
    }

    private static double Share(string[] answers, string answer) => answers.Count(a => a == answer) / (double)answers.Length;

    private static int Wrong(string answer) => answer.Zip("edcba").Count(pair => pair.First != pair.Second);
}
