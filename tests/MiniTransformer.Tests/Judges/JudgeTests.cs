using System.Diagnostics;
using MiniTransformer.Data;
using MiniTransformer.Judges;

namespace MiniTransformer.Tests.Judges;

public class JudgeTests
{
    [Fact]
    public void Exact_compares_character_by_character() =>
        Assert.Equal([1.0, 0, 0], new ExactJudge().Score([new Answer("p", "ab", "ab"), new Answer("p", "aB", "ab"), new Answer("p", "ab ", "ab")]));

    [Theory]
    [InlineData("exact", "exact")]
    [InlineData("numeric", "numeric")]
    [InlineData("numeric:0.01", "numeric:0.01")]
    [InlineData("regex", "regex")]
    [InlineData("regex:^a:b$", "regex:^a:b$")]
    [InlineData("command:./a b:c", "command:./a b:c")]
    [InlineData("worker:cat", "worker:cat")]
    public void Verifiers_are_named_as_the_command_line_writes_them(string text, string name)
    {
        using IJudge verifier = Judge.Parse(text);
        Assert.Equal(name, verifier.Name);
    }

    [Theory]
    [InlineData("excat", "'excat' is no verifier; there are exact, numeric")]
    [InlineData("exact:x", "no verifier")]
    [InlineData("numeric:x", "'x' is no tolerance")]
    [InlineData("numeric:-1", "A tolerance is 0 or more")]
    [InlineData("regex:", "has no pattern")]
    [InlineData("regex:(", "the pattern '(' cannot be read")]
    [InlineData("command:", "names no command")]
    [InlineData("worker", "names no command; write worker:CMD")]
    public void What_is_no_verifier_is_refused_with_the_way_out(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => Judge.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_records_own_pattern_goes_before_the_given_one()
    {
        Answer[] answers = [new("p", "yes!", Pattern: "^no"), new("p", "yes!"), new("p", "oh yes", Pattern: "yes$"), new("p", "oh yes")];
        Assert.Equal([0.0, 1, 1, 0], new RegexJudge("^yes").Score(answers));
        var e = Assert.Throws<DataException>(() => new RegexJudge().Score([new Answer("p", "a", Source: "f:3")]));
        Assert.StartsWith("f:3: the record has no 'pattern'", e.Message, StringComparison.Ordinal);
        Assert.Contains("f:4", Assert.Throws<DataException>(() => new RegexJudge().Score([new Answer("p", "a", Pattern: "[", Source: "f:4")])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_backtracks_without_end_is_stopped_and_named()
    {
        // The back-reference keeps it from the engine that takes linear time: 2^40 ways to fail.
        var verifier = new RegexJudge(@"^(a+)+\1b$", TimeSpan.FromMilliseconds(50));
        var e = Assert.Throws<JudgeException>(() => verifier.Score([new Answer("p", new string('a', 40), Source: "f:1")]));
        Assert.Contains("took more than 0.05 s", e.Message, StringComparison.Ordinal);
        Assert.Equal([0.0], new RegexJudge("^(a+)+b$").Score([new Answer("p", new string('a', 5000))])); // without one it is no problem
    }

    [PosixFact]
    public void A_command_reads_json_and_prints_a_score()
    {
        // 'grep -c' counts matching lines of the request.
        Answer[] answers = [.. Enumerable.Range(0, 12).Select(i => new Answer("p\"\n", i % 3 == 0 ? "süß" : "sour", "gold"))];
        double[] scores = new CommandJudge("grep -c '\"prompt\":\"p\\\\\"\\\\n\",\"response\":\"süß\",\"completion\":\"gold\"' || true", parallel: 3).Score(answers);
        Assert.Equal(answers.Select(a => a.Response == "süß" ? 1.0 : 0), scores);
    }

    [PosixTheory]
    [InlineData("echo true", 1)]
    [InlineData("echo false", 0)]
    [InlineData("echo ' 0.25 '", .25)]
    [InlineData("cat > /dev/null; echo 1", 1)]
    public void A_score_is_a_number_from_0_to_1_or_a_boolean(string command, double score) =>
        Assert.Equal([score], new CommandJudge(command).Score([new Answer("p", new string('x', 200_000))])); // more than a pipe holds, which 'echo' never reads

    [PosixTheory]
    [InlineData("echo first >&2; echo second >&2; exit 3", "ended with exit code 3 on the response 'r'; its standard error: first | second")]
    [InlineData("echo 1.5", "printed '1.5'; a number from 0 to 1 is needed")]
    [InlineData("echo nan", "printed 'nan'")]
    [InlineData("echo score 1", "printed 'score 1'")]
    [InlineData("true", "printed nothing; a number from 0 to 1 is needed, or true or false; its standard error is empty")]
    [InlineData("no-such-command-here", "exit code 127")]
    public void A_command_that_fails_is_named_with_its_error(string command, string expected)
    {
        var e = Assert.Throws<JudgeException>(() => new CommandJudge(command).Score([new Answer("p", "r"), new Answer("p", "r")]));
        Assert.StartsWith($"the verifier's command '{command}' ", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [PosixFact]
    public void A_command_that_hangs_is_ended_with_all_it_started()
    {
        long begin = Stopwatch.GetTimestamp();
        var e = Assert.Throws<JudgeException>(() =>
            new CommandJudge("echo waiting >&2; sleep 600 & wait", TimeSpan.FromSeconds(1)).Score([new Answer("p", "r")]));
        Assert.Contains("took more than 1 s on the response 'r' and was ended; its standard error: waiting", e.Message, StringComparison.Ordinal);
        Assert.True(Stopwatch.GetElapsedTime(begin).TotalSeconds < 300, "it waited for the command's own end");
    }

    [PosixFact]
    public void A_worker_is_started_once_and_judges_many()
    {
        // Its scores are 1/1, 1/2, 1/3 ...: it lives on between responses, and between calls.
        using var worker = new WorkerJudge("i=0; while read -r line; do i=$((i+1)); echo \"0.$i\"; done", parallel: 1);
        Assert.Equal([.1, .2, .3], worker.Score([.. Enumerable.Range(0, 3).Select(i => new Answer("p", $"{i}"))]));
        Assert.Equal([.4], worker.Score([new Answer("p", "more")]));
        Assert.Empty(worker.Score([]));
        using var three = new WorkerJudge("while read -r line; do case $line in *good*) echo true;; *) echo false;; esac; done", parallel: 3);
        Answer[] answers = [.. Enumerable.Range(0, 50).Select(i => new Answer("p", i % 7 == 0 ? "good" : "bad"))];
        Assert.Equal(answers.Select(a => a.Response == "good" ? 1.0 : 0), three.Score(answers));
    }

    [PosixTheory]
    [InlineData("read -r line; echo 1; echo enough >&2; exit 4", "ended with exit code 4 before it had judged all responses")]
    [InlineData("sleep 600", "gave no line within 1 s on the response '0' (does it flush its output after every line?)")]
    [InlineData("while read -r line; do echo what; done", "printed 'what'")]
    public void A_worker_that_fails_is_named(string command, string expected)
    {
        using var worker = new WorkerJudge(command, TimeSpan.FromSeconds(1), parallel: 1);
        var e = Assert.Throws<JudgeException>(() => worker.Score([.. Enumerable.Range(0, 9).Select(i => new Answer("p", $"{i}"))]));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }
}
