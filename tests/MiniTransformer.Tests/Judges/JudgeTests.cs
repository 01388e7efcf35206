using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using MiniTransformer.Data;
using MiniTransformer.Judges;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Judges;

public class JudgeTests
{
    [Fact]
    public void Exact_compares_character_by_character() =>
        Assert.Equal([1.0, 0, 0], new ExactJudge()
            .Score([new Answer("p", "ab", "ab"), new Answer("p", "aB", "ab"), new Answer("p", "ab ", "ab")]));

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
        Assert.Contains("f:4", Assert.Throws<DataException>(() =>
            new RegexJudge().Score([new Answer("p", "a", Pattern: "[", Source: "f:4")])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_backtracks_without_end_is_stopped_and_its_response_is_wrong()
    {
        // The back-reference keeps it from the engine that takes linear time: 2^40 ways to fail.
        var warnings = new List<string>();
        var verifier = new RegexJudge(@"^(a+)+\1b$", TimeSpan.FromMilliseconds(50), new JudgeOptions { Warn = warnings.Add });
        Assert.Equal([0.0, 1], verifier.Score([new Answer("p", new string('a', 40), Source: "f:1"), new Answer("p", "aab")]));
        Assert.Contains("f:1 (prompt 'p')", warnings.Single(), StringComparison.Ordinal);
        Assert.Contains("took more than 0.05 s", warnings.Single(), StringComparison.Ordinal);
        Assert.Equal(1, verifier.Log.Failed);
        Assert.Equal([0.0], new RegexJudge("^(a+)+b$").Score([new Answer("p", new string('a', 5000))])); // without one it is no problem
    }

    [PosixFact]
    public void A_command_reads_json_and_prints_a_score()
    {
        // 'grep -c' counts matching lines of the request.
        Answer[] answers = [.. Enumerable.Range(0, 12).Select(i => new Answer("p\"\n", i % 3 == 0 ? "süß" : "sour", "gold"))];
        double[] scores = new CommandJudge("grep -c '\"prompt\":\"p\\\\\"\\\\n\",\"response\":\"süß\",\"completion\":\"gold\"' || true",
            new JudgeOptions { Parallel = 3 }).Score(answers);
        Assert.Equal(answers.Select(a => a.Response == "süß" ? 1.0 : 0), scores);
    }

    [PosixTheory]
    [InlineData("echo true", 1)]
    [InlineData("echo false", 0)]
    [InlineData("echo ' 0.25 '", .25)]
    [InlineData("cat > /dev/null; echo 1", 1)]
    public void A_score_is_a_number_from_0_to_1_or_a_boolean(string command, double score) =>
        // more than a pipe holds, which 'echo' never reads
        Assert.Equal([score], new CommandJudge(command).Score([new Answer("p", new string('x', 200_000))]));

    [PosixTheory]
    [InlineData("echo first >&2; echo second >&2; exit 3",
        "ended with exit code 3 on the response 'r'; its standard error: first | second")]
    [InlineData("echo 1.5", "printed '1.5'; a number from 0 to 1 is needed")]
    [InlineData("echo nan", "printed 'nan'")]
    [InlineData("echo score 1", "printed 'score 1'")]
    [InlineData("true", "printed nothing; a number from 0 to 1 is needed, or true or false; its standard error is empty")]
    [InlineData("no-such-command-here", "exit code 127")]
    public void A_command_that_fails_gives_no_points_and_is_named_with_its_error(string command, string expected)
    {
        var warnings = new ConcurrentQueue<string>();
        var verifier = new CommandJudge(command, new JudgeOptions { Warn = warnings.Enqueue });
        Assert.Equal([0.0, 0], verifier.Score([new Answer("p", "r", Source: "own.jsonl:4"), new Answer("p", "r", Source: "own.jsonl:4")]));
        Assert.Equal(2, verifier.Log.Failed);
        Assert.All(warnings, warning =>
            Assert.StartsWith($"warning: own.jsonl:4 (prompt 'p'): the verifier's command '{command}' ", warning,
                StringComparison.Ordinal));
        Assert.All(warnings, warning => Assert.Contains(expected, warning, StringComparison.Ordinal));

        // On right answers it is asked before anything else is done: there it is the command that will not do.
        var e = Assert.Throws<JudgeException>(() => verifier.Check([new Answer("p", "r")]));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [PosixFact]
    public void Only_the_response_on_which_a_command_hangs_or_crashes_scores_0()
    {
        var warnings = new ConcurrentQueue<string>();
        const string Command = "read -r line; case $line in *hang*) sleep 600 & wait;; *crash*) kill -9 $$;; *) echo 1;; esac";
        var verifier = new CommandJudge(Command, new JudgeOptions { Timeout = TimeSpan.FromSeconds(3), Warn = warnings.Enqueue });
        string[] responses = ["a", "hang", "b", "crash", "c"];
        Assert.Equal([1.0, 0, 1, 0, 1], verifier.Score([.. responses.Select((r, i) => new Answer($"prompt {i}", r))]));
        Assert.Contains(warnings, w =>
            w.Contains("prompt 'prompt 1'", StringComparison.Ordinal)
                && w.Contains("took more than 3 s on the response 'hang' and was ended", StringComparison.Ordinal));
        Assert.Contains(warnings, w =>
            w.Contains("prompt 'prompt 3'", StringComparison.Ordinal) && w.Contains("exit code 137", StringComparison.Ordinal));
        verifier.Check([new Answer("p", "crash"), new Answer("p", "fine")]); // one that it can judge is enough
    }

    [PosixFact]
    public void What_a_command_started_is_ended_with_it()
    {
        using var folder = new TemporaryFolder();
        long begin = Stopwatch.GetTimestamp();

        // One leaves a process behind that holds its output, one hangs with a grandchild that its shell no longer knows.
        Assert.Equal([1.0], new CommandJudge($"sh -c 'echo $$ > {folder["left"]}; exec sleep 600' & sleep .2; echo 1")
            .Score([new Answer("p", "r")]));
        var hangs = new CommandJudge($"(sh -c 'echo $$ > {folder["grandchild"]}; exec sleep 600' &); echo waiting >&2; sleep 600",
            new JudgeOptions { Timeout = TimeSpan.FromSeconds(1) });
        Assert.Equal([0.0], hangs.Score([new Answer("p", "r")]));
        Assert.True(Stopwatch.GetElapsedTime(begin).TotalSeconds < 300, "it waited for the command's own end");
        foreach (string name in new[] { "left", "grandchild" }) AssertEnds(File.ReadAllText(folder[name]).Trim());
    }

    [PosixFact]
    public void Ending_all_commands_leaves_none()
    {
        using var folder = new TemporaryFolder();
        using var worker = new WorkerJudge($"echo $$ > {folder["worker"]}; while read -r line; do echo 1; done; sleep 600",
            new JudgeOptions { Parallel = 1 });
        Assert.Equal([1.0], worker.Score([new Answer("p", "r")]));
        worker.Dispose();
        AssertEnds(File.ReadAllText(folder["worker"]).Trim());
    }

    [PosixFact]
    public void A_stop_ends_the_judging_at_once_and_is_no_score()
    {
        using var stop = new CancellationTokenSource(200);
        long begin = Stopwatch.GetTimestamp();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            new CommandJudge("sleep 600", new JudgeOptions { Stop = stop.Token, Timeout = TimeSpan.FromMinutes(5) })
                .Score([new Answer("p", "r")]));
        using var worker = new WorkerJudge("sleep 600", new JudgeOptions { Stop = stop.Token, Timeout = TimeSpan.FromMinutes(5) });
        Assert.ThrowsAny<OperationCanceledException>(() => worker.Score([new Answer("p", "r")]));
        Assert.True(Stopwatch.GetElapsedTime(begin).TotalSeconds < 120);
    }

    [PosixTheory]
    [InlineData("command:yes", "printed more than 65536 characters")]
    [InlineData("worker:yes | tr -d '\\n'", "printed a line of more than 65536 characters")]
    [InlineData("command:yes >&2", "took more than 1 s")]
    [InlineData("worker:yes", "gave no score within 1 s")]
    public void A_judge_that_prints_without_end_takes_little_memory(string name, string expected)
    {
        var warnings = new ConcurrentQueue<string>();
        using IJudge verifier = Judge.Parse(name,
            new JudgeOptions { Timeout = TimeSpan.FromSeconds(1), Parallel = 1, Warn = warnings.Enqueue });
        long before = GC.GetTotalMemory(forceFullCollection: true);
        Assert.Equal([0.0], verifier.Score([new Answer("p", "r")]));
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 30e6);
        Assert.Contains(expected, warnings.Single(), StringComparison.Ordinal);
    }

    [PosixFact]
    public void A_worker_is_started_once_and_judges_many()
    {
        // Its scores are 1/1, 1/2, 1/3 ...: it lives on between responses, and between calls.
        var one = new JudgeOptions { Parallel = 1 };
        using var worker = new WorkerJudge("i=0; while read -r line; do i=$((i+1)); echo \"0.$i\"; done", one);
        Assert.Equal([.1, .2, .3], worker.Score([.. Enumerable.Range(0, 3).Select(i => new Answer("p", $"{i}"))]));
        Assert.Equal([.4], worker.Score([new Answer("p", "more")]));
        Assert.Empty(worker.Score([]));
        using var three = new WorkerJudge("while read -r line; do case $line in *good*) echo true;; *) echo false;; esac; done",
            new JudgeOptions { Parallel = 3 });
        Answer[] answers = [.. Enumerable.Range(0, 50).Select(i => new Answer("p", i % 7 == 0 ? "good" : "bad"))];
        Assert.Equal(answers.Select(a => a.Response == "good" ? 1.0 : 0), three.Score(answers));
    }

    // How a worker answers in its $score the question numbered $n, and what it prints besides.
    [PosixTheory]
    [InlineData("echo $score")]
    [InlineData("echo $n $score")]
    [InlineData("echo \"{\\\"number\\\": $n, \\\"score\\\": $score}\"")]
    [InlineData("echo a stray line; echo $score")]
    [InlineData("echo $score; echo a stray line")]
    [InlineData("case $line in *7*) echo 1;; esac; echo $n $score")]
    [InlineData("echo $n $score; case $line in *3*) echo 1; echo $n 1; echo 99 1;; esac")]
    [InlineData("case $line in *7*) echo $score;; esac; echo $score", true)] // a score too many: nobody knows which is whose
    // the first line of all is taken for a score, until the numbers come
    [InlineData("case $n in 1) echo 1;; esac; echo $n $score", false, true)]
    [InlineData("echo $score; case $line in *7*) sleep .01; echo 1;; esac", true)]
    public void A_stray_line_of_a_worker_shifts_no_score(string answer, bool some = false, bool noticed = false)
    {
        string command = "echo ready; while read -r line; do n=${line##*:}; n=${n%\\}*}; case $line in *good*) score=1;; *) score=0;; "
            + "esac; " + answer + "; done";
        var warnings = new ConcurrentQueue<string>();
        using var worker = new WorkerJudge(command,
            new JudgeOptions { Parallel = 1, Timeout = TimeSpan.FromSeconds(20), Warn = warnings.Enqueue });
        Answer[] answers = [.. Enumerable.Range(10, 20).Select(i => new Answer("p", i % 3 == 0 ? $"good {i}" : $"bad {i}"))];
        double[] scores = worker.Score(answers);
        for (int i = 0; i < answers.Length; i++)
        {
            // Where one response got two scores it is not known which is right: it scores 0, and the others get their own.
            bool two = some && answers[i].Response.EndsWith('7');
            Assert.Equal(answers[i].Response.StartsWith('g') && !two ? 1.0 : 0, scores[i]);
        }

        Assert.Equal(some || noticed, warnings.Any(w => w.Contains("printed more scores than it was asked for", StringComparison.Ordinal)));
    }

    [PosixFact]
    public void A_worker_that_ends_is_started_again_and_asked_the_same()
    {
        var warnings = new ConcurrentQueue<string>();
        using var two = new WorkerJudge("read -r a; echo 1; read -r b; echo .5; exit 0",
            new JudgeOptions { Parallel = 1, Warn = warnings.Enqueue });
        Assert.Equal([1.0, .5, 1, .5, 1], two.Score([.. Enumerable.Range(0, 5).Select(i => new Answer("p", $"{i}"))]));
        Assert.Empty(warnings);
    }

    [PosixTheory]
    [InlineData("read -r line; echo enough >&2; exit 4",
        "ended with exit code 4 before it had judged the response '0'; a worker reads until its input ends; its standard error: enough")]
    [InlineData("sleep 600", "gave no score within 1 s on the response '0' (does it flush its output after every line?)")]
    [InlineData("while read -r line; do echo what; done", "printed 'what'")]
    public void A_worker_that_fails_is_named(string command, string expected)
    {
        var warnings = new ConcurrentQueue<string>();
        using var worker = new WorkerJudge(command,
            new JudgeOptions { Timeout = TimeSpan.FromSeconds(1), Parallel = 1, Warn = warnings.Enqueue });
        Assert.Equal([0.0], worker.Score([new Answer("p", "0")]));
        Assert.Contains(expected, warnings.Single(), StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<JudgeException>(() => worker.Check([new Answer("p", "0")])).Message,
            StringComparison.Ordinal);
    }

    // Gone, or dead and not yet reaped by whoever has taken it over.
    private static void AssertEnds(string pid)
    {
        string stat = $"/proc/{pid}/stat";
        Assert.True(SpinWait.SpinUntil(() => !Runs(), TimeSpan.FromSeconds(60)), $"the process {pid} still runs");

        bool Runs()
        {
            try
            {
                if (Directory.Exists("/proc/self")) return File.ReadAllText(stat).Split(')')[^1].TrimStart()[0] is not ('Z' or 'X');
                Process.GetProcessById(int.Parse(pid, CultureInfo.InvariantCulture));
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                return false;
            }
        }
    }
}
