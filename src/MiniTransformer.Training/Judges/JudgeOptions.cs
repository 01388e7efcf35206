namespace MiniTransformer.Judges;

/// <summary>How judges that are commands are run, and who hears of what goes wrong.</summary>
public sealed record JudgeOptions
{
    /// <summary>The longest that one response may take, a worker's start included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many commands run at a time; one a core if 0.</summary>
    public int Parallel { get; init; }

    /// <summary>
    /// Ends the judging: the commands are ended, and <see cref="IJudge.Score"/> throws <see cref="OperationCanceledException"/>.
    /// </summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Hears after every response how many are judged, and of how many; from several threads. Null where nobody listens.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>Is told of every response that could not be judged; null where nobody listens.</summary>
    public Action<string>? Warn { get; init; }
}

/// <summary>
/// What a judge could not judge: such responses score 0, and are counted here, so that a low accuracy is not taken for the policy's.
/// </summary>
public sealed class JudgeLog(Action<string>? warn = null)
{
    // Warnings that are said one by one.
    private const int MostSaid = 10;

    private readonly AsyncLocal<JudgeTally?> tally = new();
    private int failed, unread;

    /// <summary>
    /// A count that begins now, of what this thread and those that it starts ask for; several threads may be asking at once.
    /// </summary>
    public JudgeTally Begin() => tally.Value = new JudgeTally();

    /// <summary>Responses on which the judge failed: it hung, crashed, or printed no score.</summary>
    public int Failed => failed;

    /// <summary>Responses in which nothing could be read that can be judged, such as no number.</summary>
    public int Unread => unread;

    /// <summary>Notes a response on which the judge failed, and warns of it by its line or prompt.</summary>
    public void Fail(Answer answer, string message)
    {
        ArgumentNullException.ThrowIfNull(answer);
        int n = Interlocked.Increment(ref failed);
        tally.Value?.Fail();
        if (n <= MostSaid) warn?.Invoke($"warning: {Place(answer)}: {message}. The response scores 0.");
        if (n == MostSaid) warn?.Invoke("warning: further responses that cannot be judged are counted and not listed.");
    }

    /// <summary>Notes a response in which nothing could be read.</summary>
    public void NotRead()
    {
        Interlocked.Increment(ref unread);
        tally.Value?.NotRead();
    }

    /// <summary>Warns of something else.</summary>
    public void Warn(string message) => warn?.Invoke($"warning: {message}");

    private static string Place(Answer answer) =>
        answer.Source is { } source
            ? $"{source} (prompt '{Judge.Short(answer.Prompt, 60)}')"
            : $"prompt '{Judge.Short(answer.Prompt, 60)}'";
}

/// <summary>What a judge could not judge since the count began, see <see cref="JudgeLog.Begin"/>.</summary>
public sealed class JudgeTally
{
    private int failed, unread;

    /// <summary>Responses on which the judge failed.</summary>
    public int Failed => failed;

    /// <summary>Responses in which nothing could be read.</summary>
    public int Unread => unread;

    internal void Fail() => Interlocked.Increment(ref failed);

    internal void NotRead() => Interlocked.Increment(ref unread);
}
