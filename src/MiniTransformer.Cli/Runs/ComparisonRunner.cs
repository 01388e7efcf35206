using System.Collections.Concurrent;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.IO;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>What is run: methods in regimes and seeds; and what is kept of it.</summary>
/// <param name="Regimes">The regimes.</param>
/// <param name="Seeds">The evaluation seeds.</param>
/// <param name="SweepSeeds">The seeds of the sweeps; settings are chosen on them.</param>
internal sealed record ComparisonPlan(IReadOnlyList<Regime> Regimes, IReadOnlyList<ulong> Seeds, IReadOnlyList<ulong> SweepSeeds)
{
    /// <summary>The demo's: its own methods, and of every world its story (see <see cref="WorldStory"/>) and not its facts.</summary>
    public bool IsDemo { get; init; }

    /// <summary>All seeds.</summary>
    public IEnumerable<ulong> AllSeeds => Seeds.Concat(SweepSeeds);

    /// <summary>The methods of a world, and whether a sweep chose their settings.</summary>
    public IReadOnlyList<(Method Method, bool Chosen)> MethodsOf(Regime regime, bool sweep, IReadOnlyList<MethodResult> swept) =>
        IsDemo ? [.. Methods.OfDemo(regime).Select(m => (m, false))]
        : sweep ? [.. Methods.OfSweep(regime).Select(m => (m, false))]
        : Methods.OfEvaluation(regime, swept);

    /// <summary>All methods that a world of a regime may have, whatever the sweep chooses.</summary>
    public IEnumerable<Method> Possible(Regime regime) =>
        IsDemo ? Methods.OfDemo(regime) : Methods.Of(regime).Concat(Methods.OfSweep(regime));

    /// <summary>Whether a world's result lacks nothing but methods.</summary>
    public bool IsMeasured(WorldResult result) => IsDemo ? result.Responses is not null : result.Facts is not null;
}

/// <summary>
/// The methods of a comparison or a demo, regime × seed × method, computed in parallel: a world is one thread's work, and its file is
/// written anew after every method. A run that was stopped, or killed, repeats no finished method; the numbers do not depend on where it
/// was stopped. A demo's worlds are kept whole or not at all: a story has no gaps.
/// </summary>
/// <param name="plan">What is run.</param>
/// <param name="folder">The run's folder.</param>
/// <param name="belonging">What the results of a regime belong to.</param>
/// <param name="unmarked">Whether results count that do not say what they belong to, as an earlier version wrote them.</param>
/// <param name="say">Hears of files that are damaged.</param>
internal sealed class ComparisonRunner(
    ComparisonPlan plan, string folder, Func<Regime, string> belonging, bool unmarked, Action<string> say)
{
    private readonly Dictionary<(string Regime, ulong Seed), WorldResult> results = [];
    private readonly ConcurrentDictionary<string, Lock> bases = [];
    private readonly RunClock clock = new(folder);
    private double done;

    /// <summary>Seconds of all starts together.</summary>
    public double Seconds => clock.Seconds;

    /// <summary>The worlds' results, by regime, sweep seeds last, then by seed.</summary>
    public IReadOnlyList<WorldResult> Worlds =>
    [
        .. from regime in plan.Regimes
           from seed in plan.AllSeeds
           where results.ContainsKey((regime.Name, seed))
           select results[(regime.Name, seed)],
    ];

    /// <summary>All finished results in the same order; within a seed as they were run.</summary>
    public IReadOnlyList<MethodResult> Results => [.. Worlds.SelectMany(w => w.Results)];

    /// <summary>What is known of the worlds.</summary>
    public IReadOnlyList<WorldFacts> Facts => [.. Worlds.Select(w => w.Facts).OfType<WorldFacts>()];

    /// <summary>Reads the finished results. A damaged file is said, and its results are missing.</summary>
    /// <param name="moveAside">Whether damaged files are moved aside, to be written again.</param>
    /// <exception cref="UsageException">A file belongs to other settings.</exception>
    public void Read(bool moveAside)
    {
        foreach (Regime regime in plan.Regimes)
        {
            foreach (ulong seed in plan.AllSeeds)
                results[(regime.Name, seed)] = Load(regime, seed, moveAside) ?? new WorldResult([], null);
        }
    }

    /// <summary>
    /// Reads what is in a folder whose run.json is lost, or that holds nothing yet: results count only if they belong to this run, and
    /// where others are, too, the flags are not those that the run began with.
    /// </summary>
    /// <exception cref="UsageException">There are others.</exception>
    public void ReadWithoutSettings()
    {
        string worlds = Path.Combine(folder, "worlds");
        HashSet<string> own = [.. plan.Regimes.SelectMany(regime => plan.AllSeeds.Select(seed => WorldFile.PathOf(folder, regime, seed)))];
        string[] files = Directory.Exists(worlds) ? Directory.GetFiles(worlds, "*.json") : [];
        string? stranger = files.Order(StringComparer.Ordinal).FirstOrDefault(file => !own.Contains(file));
        if (stranger is not null)
        {
            throw new UsageException(
                $"the run.json of '{Invocation.Shown(folder)}' is lost, and '{Invocation.Shown(stranger)}' belongs to no regime and seed "
                + "that these flags name: give all flags that the run began with, or name another --out.");
        }

        Read(moveAside: false);
        if (Results.Count == 0) say($"There is nothing to resume in '{Invocation.Shown(folder)}': a new run begins.");
    }

    private WorldResult? Load(Regime regime, ulong seed, bool moveAside)
    {
        try
        {
            return WorldFile.Load(folder, regime, seed, belonging(regime), unmarked, plan.Possible(regime));
        }
        catch (IOException e)
        {
            KeptResult.GiveUp(WorldFile.PathOf(folder, regime, seed), e, moveAside, say);
            return null;
        }
    }

    /// <summary>How far each regime is; read first.</summary>
    public IReadOnlyList<RegimeProgress> Progress => [.. plan.Regimes.Select(regime =>
    {
        (int Missing, bool Whole)[] sweeps = [.. plan.SweepSeeds.Select(seed => Left(seed, sweep: true))];
        (int Missing, bool Whole)[] evaluations = [.. plan.Seeds.Select(seed => Left(seed, sweep: false))];
        return new RegimeProgress(
            regime.Name, evaluations.Count(e => e.Whole), plan.Seeds.Count, sweeps.Count(s => s.Whole), plan.SweepSeeds.Count,
            plan.AllSeeds.Sum(seed => results[(regime.Name, seed)].Results.Count), sweeps.Concat(evaluations).Sum(w => w.Missing));

        (int Missing, bool Whole) Left(ulong seed, bool sweep)
        {
            int missing = Missing(regime, seed, sweep).Count;
            return (missing, missing == 0 && plan.IsMeasured(results[(regime.Name, seed)]));
        }
    })];

    /// <summary>Computes what is missing, so many worlds at once, each on a device of its own.</summary>
    /// <exception cref="OperationCanceledException">Stopped; finished results are saved.</exception>
    public void Run(int threads, Func<CancellationToken, Device> openDevice, OpenTrack open, CancellationToken stop)
    {
        Read(moveAside: true);

        // Sweeps first: they choose settings that the evaluation seeds of their regime run. Seeds before regimes: what several regimes
        // share is made once.
        Piece[] work =
        [
            .. plan.SweepSeeds.SelectMany(seed => Spread().Select(regime => new Piece(regime, seed, Sweep: true))),
            .. plan.Seeds.SelectMany(seed => Spread().Select(regime => new Piece(regime, seed, Sweep: false))),
        ];
        double total = work.Sum(p =>
            Work.OfPreparation(p.Regime, plan.IsDemo) + MethodsOf(p.Regime, p.Sweep).Sum(m => Work.Of(m.Method, p.Regime)));
        done = work.Sum(DoneBefore);
        ITrack track = open(plan.IsDemo ? "demo" : "comparison", (int)total, (int)done, share: true);
        try
        {
            OrderedWork.Run(
                work, (piece, other) => other.Sweep && !piece.Sweep && other.Regime == piece.Regime, threads,
                (piece, ending) => RunWorld(piece, openDevice, track, ending), stop);
        }
        finally
        {
            clock.Save();
        }

        track.Report((int)total, "done");
    }

    /// <summary>Writes all finished results, one a line.</summary>
    /// <param name="path">The file.</param>
    /// <param name="line">What stands in a line.</param>
    public void WriteResults(string path, Func<MethodResult, object> line) => AtomicFile.Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
        foreach (MethodResult result in Results) writer.WriteLine(JsonSerializer.Serialize(line(result), RunDirectory.Json));
    });

    // Regimes with a base in turn with those without: while one thread trains a base, another has work that does not need it.
    private IEnumerable<Regime> Spread()
    {
        Regime[] with = [.. plan.Regimes.Where(r => r.HasBase)], without = [.. plan.Regimes.Where(r => !r.HasBase)];
        for (int i = 0; i < Math.Max(with.Length, without.Length); i++)
        {
            foreach (Regime[] group in new[] { with, without }.Where(g => i < g.Length)) yield return group[i];
        }
    }

    private double DoneBefore(Piece piece)
    {
        (Regime regime, ulong seed, bool sweep) = piece;
        IReadOnlyList<(Method Method, bool Chosen)> missing = Missing(regime, seed, sweep);
        double methods = MethodsOf(regime, sweep).Except(missing).Sum(m => Work.Of(m.Method, regime));
        bool whole = plan.IsMeasured(results[(regime.Name, seed)]) && missing.Count == 0;
        return whole ? methods + Work.OfPreparation(regime, plan.IsDemo) : methods;
    }

    private void RunWorld(Piece piece, Func<CancellationToken, Device> openDevice, ITrack track, CancellationToken stop)
    {
        (Regime regime, ulong seed, bool sweep) = piece;
        WorldResult result = results[(regime.Name, seed)];
        IReadOnlyList<(Method Method, bool Chosen)> missing = Missing(regime, seed, sweep);
        if (missing.Count == 0 && plan.IsMeasured(result)) return;

        string name = FormattableString.Invariant($"{regime.Name} {(sweep ? "sweep " : "")}seed {seed}");
        using Device device = openDevice(stop);
        using var world = new World(regime, seed, device, plan.IsDemo ? null : Path.Combine(folder, "bases"));
        var story = new WorldStory(world);
        double prepared = 0, preparation = Work.OfPreparation(regime, plan.IsDemo);
        lock (bases.GetOrAdd(world.BaseFolder ?? name, _ => new Lock())) // a base that several regimes share is trained once
        {
            foreach (ExperimentEvent happened in world.Prepare())
            {
                if (happened is not StepDone step) continue;
                double work = step.Stage == World.Pretraining ? regime.Pretraining.BatchSize : regime.Sft.BatchSize;
                Happened(happened, work);
                prepared += work;
            }
        }

        if (!plan.IsDemo && result.Facts is null) Save(result = result with { Facts = WorldFacts.Of(world) });
        Advance(preparation - prepared, name);
        var experiment = new Experiment(world);
        foreach ((Method method, bool chosen) in missing)
        {
            double trained = 0;
            foreach (ExperimentEvent happened in experiment.Run(method, curve: !sweep && Methods.HasCurve(method)))
            {
                if (happened is MethodDone { Result: var reached }) result.Results.Add(reached with { Sweep = sweep, Chosen = chosen });
                double work = happened is StepDone ? method.StepWork(regime) : Work.Of(method, regime) - trained;
                Happened(happened, work);
                trained += work;
            }

            if (!plan.IsDemo) Save(result);
        }

        if (plan.IsDemo) Save(story.Of(result));

        void Happened(ExperimentEvent happened, double work)
        {
            if (plan.IsDemo) story.Add(happened);
            Advance(work, happened is StepDone { Stage: var stage } ? $"{name}, {stage}" : name);
        }

        void Save(WorldResult changed)
        {
            lock (results) results[(regime.Name, seed)] = changed;
            WorldFile.Save(folder, regime, seed, belonging(regime), changed);
            clock.Save();
        }

        void Advance(double work, string note)
        {
            lock (track) track.Report((int)(done += work), note);
        }
    }

    private IReadOnlyList<(Method Method, bool Chosen)> MethodsOf(Regime regime, bool sweep)
    {
        lock (results) return plan.MethodsOf(regime, sweep, [.. plan.SweepSeeds.SelectMany(seed => results[(regime.Name, seed)].Results)]);
    }

    // A demo's world that is not whole has nothing.
    private IReadOnlyList<(Method Method, bool Chosen)> Missing(Regime regime, ulong seed, bool sweep)
    {
        WorldResult result = results[(regime.Name, seed)];
        return [.. MethodsOf(regime, sweep).Where(m => !result.Results.Any(m.Method.IsOf))];
    }

    private readonly record struct Piece(Regime Regime, ulong Seed, bool Sweep);
}
