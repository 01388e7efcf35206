using System.Diagnostics;
using System.Globalization;
using MiniTransformer.Nn;

namespace MiniTransformer.Cli.Terminals;

/// <summary>Shows how far a measurement is, with its rate, in the note of the work that it belongs to.</summary>
/// <param name="track">The work.</param>
/// <param name="done">Its units that are done by now.</param>
/// <param name="what">What is measured.</param>
internal sealed class Measuring(ITrack track, Func<int> done, string what)
{
    private long begin;

    /// <summary>The same settings, whose draws are shown.</summary>
    public SamplingOptions Shown(SamplingOptions options) => options with { Progress = Show };

    private void Show(SamplingProgress at)
    {
        if (begin == 0 || at.Tokens <= at.Responses) begin = Stopwatch.GetTimestamp(); // the first token of each starts the clock
        if (at.Measured)
        {
            track.Report(done(), $"{what}: KL and Σ r̂ of {at.Finished} of {at.Responses} responses");
            return;
        }

        double rate = at.Tokens / Math.Max(1e-3, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        track.Report(done(), string.Create(CultureInfo.InvariantCulture,
            $"{what}: {at.Finished} of {at.Responses} responses, {rate:#,0} tokens/s"));
    }
}
