using System.Diagnostics;
using System.Globalization;

namespace MiniTransformer.Cli.Terminals;

/// <summary>Says every few seconds how far a judge that is a command is, and its rate.</summary>
/// <param name="terminal">Where.</param>
/// <param name="hint">What would be quicker, said once.</param>
internal sealed class JudgingProgress(Terminal terminal, string? hint)
{
    private const double SecondsBetweenLines = 5;

    private readonly Lock saying = new();
    private long begin;
    private double lastLine;
    private bool hinted;

    /// <summary>So many responses are judged.</summary>
    public void Report(int judged, int responses)
    {
        lock (saying)
        {
            if (begin == 0 || judged == 1) (begin, lastLine) = (Stopwatch.GetTimestamp(), 0); // of the next policy
            double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            if (seconds - lastLine < SecondsBetweenLines) return;
            lastLine = seconds;
            double rate = judged / seconds;
            string left = judged < responses ? $", {Progress.Duration((responses - judged) / rate)} left" : "";
            terminal.Say(string.Create(CultureInfo.InvariantCulture,
                $"judging: {judged} of {responses} responses, {rate:0.0}/s{left}{(hinted || hint is null ? "" : $"; {hint}")}"));
            hinted = true;
        }
    }
}
