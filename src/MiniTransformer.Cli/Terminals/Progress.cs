using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniTransformer.Cli.Terminals;

/// <summary>One piece of long work.</summary>
internal interface ITrack
{
    /// <summary>Says how much is done, and what the last update showed.</summary>
    void Report(int done, string note);
}

/// <summary>Opens a track.</summary>
/// <param name="name">What is done.</param>
/// <param name="total">Units to do.</param>
/// <param name="done">Units that are done already.</param>
/// <param name="share">Whether units mean nothing to people: a percentage is shown, and no rate.</param>
internal delegate ITrack OpenTrack(string name, int total, int done = 0, bool share = false);

/// <summary>Shows how far long work is: bars with rate and time left on a terminal, a line every few seconds elsewhere.</summary>
internal static class Progress
{
    // Of a bar: whether its units mean nothing to people.
    private const string Share = "share";

    /// <summary>Runs work that reports its progress on the tracks that it opens.</summary>
    public static T Show<T>(Terminal terminal, Func<OpenTrack, T> work)
    {
        if (!terminal.ErrorIsTerminal || !terminal.Messages.Profile.Capabilities.Ansi)
            return work((name, total, done, share) => new PlainTrack(terminal, name, total, done, share));
        T result = default!;
        bool narrow = terminal.Messages.Profile.Width < 70;
        ProgressColumn[] columns = narrow
            ? [new TaskDescriptionColumn(), new PercentageColumn(), new RemainingTimeColumn()]
            : [new TaskDescriptionColumn(), new ProgressBarColumn { Width = 24 }, new PercentageColumn(), new RateColumn(),
                new RemainingTimeColumn()];
        terminal.Messages.Progress().AutoClear(false).Columns(columns).Start(context =>
            result = work((name, total, done, share) =>
                new BarTrack(context.AddTask(Markup.Escape(name), maxValue: Math.Max(1, total)), name, done, share)));
        return result;
    }

    private sealed class BarTrack : ITrack
    {
        private readonly ProgressTask task;
        private readonly string name;

        public BarTrack(ProgressTask task, string name, int done, bool share)
        {
            (this.task, this.name, task.Value) = (task, name, done);
            task.State.Update<bool>(Share, _ => share);
        }

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
            new Spectre.Console.Text(task.Speed is { } speed && !task.State.Get<bool>(Share) ? $"{Rate(speed)}/s" : "", Style.Plain);
    }

    private sealed class PlainTrack(Terminal terminal, string name, int total, int doneBefore, bool share) : ITrack
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
            string at = share ? $"{100L * done / Math.Max(1, total)}%" : $"{done} of {total}";
            string speed = done > doneBefore && !share ? $", {Rate(rate)}/s" : "";
            string left = done > doneBefore && done < total ? $", {Duration((total - done) / rate)} left" : "";
            lock (terminal) terminal.Say($"{name}: {at}{speed}{left}; {note}");
        }
    }

    /// <summary>Seconds as people say them.</summary>
    public static string Duration(double seconds) => seconds < 60 ? $"{Math.Ceiling(seconds):0} s"
        : seconds < 3600 ? $"{(int)seconds / 60} min {(int)seconds % 60} s"
        : $"{(long)seconds / 3600} h {(long)seconds % 3600 / 60} min";

    private static string Rate(double perSecond) =>
        perSecond.ToString(perSecond < 10 ? "0.0" : "0", System.Globalization.CultureInfo.InvariantCulture);
}
