using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniTransformer.Cli.Terminals;

/// <summary>One piece of long work.</summary>
internal interface ITrack
{
    /// <summary>Says how much is done, and what the last update showed.</summary>
    void Report(int done, string note);
}

/// <summary>Shows how far long work is: bars with rate and time left on a terminal, a line every few seconds elsewhere.</summary>
internal static class Progress
{
    /// <summary>Runs work that reports its progress on the tracks that it opens: a name, units to do, and units done already.</summary>
    public static T Show<T>(Terminal terminal, Func<Func<string, int, int, ITrack>, T> work)
    {
        if (!terminal.ErrorIsTerminal || !terminal.Messages.Profile.Capabilities.Ansi)
            return work((name, total, done) => new PlainTrack(terminal, name, total, done));
        T result = default!;
        bool narrow = terminal.Messages.Profile.Width < 70;
        ProgressColumn[] columns = narrow
            ? [new TaskDescriptionColumn(), new PercentageColumn(), new RemainingTimeColumn()]
            : [new TaskDescriptionColumn(), new ProgressBarColumn { Width = 24 }, new PercentageColumn(), new RateColumn(), new RemainingTimeColumn()];
        terminal.Messages.Progress().AutoClear(false).Columns(columns).Start(context =>
            result = work((name, total, done) => new BarTrack(context.AddTask(Markup.Escape(name), maxValue: Math.Max(1, total)), name, done)));
        return result;
    }

    private sealed class BarTrack : ITrack
    {
        private readonly ProgressTask task;
        private readonly string name;

        public BarTrack(ProgressTask task, string name, int done) => (this.task, this.name, task.Value) = (task, name, done);

        public void Report(int done, string note)
        {
            task.Description = Markup.Escape($"{name}  {note}");
            task.Value = done;
        }
    }

    // Updates a second.
    private sealed class RateColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Spectre.Console.Text(task.Speed is { } speed ? $"{Rate(speed)}/s" : "", Style.Plain);
    }

    private sealed class PlainTrack(Terminal terminal, string name, int total, int doneBefore) : ITrack
    {
        private const double SecondsBetweenLines = 5;

        private readonly long begin = System.Diagnostics.Stopwatch.GetTimestamp();
        private double lastLine;
        private bool ended;

        public void Report(int done, string note)
        {
            double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(begin).TotalSeconds;
            bool ends = done >= total && total > 1 && !ended; // one short piece of work needs no line, and what ended has had its own
            if (seconds - lastLine < SecondsBetweenLines && !ends) return;
            (lastLine, ended) = (seconds, done >= total);
            double rate = (done - doneBefore) / Math.Max(seconds, 1e-9);
            string speed = done > doneBefore ? $", {Rate(rate)}/s" : "", left = done > doneBefore && done < total ? $", {Duration((total - done) / rate)} left" : "";
            lock (terminal) terminal.Say($"{name}: {done} of {total}{speed}{left}; {note}");
        }
    }

    /// <summary>Seconds as people say them.</summary>
    public static string Duration(double seconds) => seconds < 60 ? $"{Math.Ceiling(seconds):0} s"
        : seconds < 3600 ? $"{(int)seconds / 60} min {(int)seconds % 60} s"
        : $"{(long)seconds / 3600} h {(long)seconds % 3600 / 60} min";

    private static string Rate(double perSecond) => perSecond.ToString(perSecond < 10 ? "0.0" : "0", System.Globalization.CultureInfo.InvariantCulture);
}
