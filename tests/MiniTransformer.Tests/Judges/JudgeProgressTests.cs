using MiniTransformer.Judges;

namespace MiniTransformer.Tests.Judges;

public class JudgeProgressTests
{
    [PosixTheory]
    [InlineData("command:echo 1")]
    [InlineData("worker:while read -r line; do echo 1; done")]
    public void Every_response_that_is_judged_is_heard_of(string how)
    {
        var heard = new List<(int Judged, int Of)>();
        var options = new JudgeOptions
        {
            Progress = (judged, of) =>
            {
                lock (heard) heard.Add((judged, of));
            },
        };
        using IJudge judge = how.StartsWith("command:", StringComparison.Ordinal)
            ? new CommandJudge(how[8..], options)
            : new WorkerJudge(how[7..], options);
        Assert.Equal(Enumerable.Repeat(1.0, 6),
            judge.Score([.. Enumerable.Range(0, 6).Select(i => new Answer($"prompt {i}", "response"))]));
        Assert.Equal(Enumerable.Range(1, 6).Select(n => (n, 6)), heard.Order());
    }
}
