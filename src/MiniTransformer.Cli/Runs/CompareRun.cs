using System.Collections.Concurrent;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.IO;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// The cells of a comparison, regime × seed × method, computed in parallel: a world is one thread's work, and its file is written anew after
/// every cell. A run that was stopped, or killed, repeats no finished cell; the numbers do not depend on where it was stopped.
/// </summary>
/// <param name="regimes">The regimes.</param>
/// <param name="seeds">The evaluation seeds.</param>
/// <param name="sweepSeeds">The seeds of the sweeps; settings are chosen on them.</param>
/// <param name="folder">The run's folder.</param>
/// <param name="belonging">What the cells of a regime belong to.</param>
/// <param name="unmarked">Whether cells count that do not say what they belong to, as an earlier version wrote them.</param>
/// <param name="say">Hears of files that are damaged.</param>
internal sealed class CompareRun(
    IReadOnlyList<Regime> regimes, IReadOnlyList<ulong> seeds, IReadOnlyList<ulong> sweepSeeds, string folder, Func<Regime, string> belonging, bool unmarked, Action<string> say)
{
    // What the preparation of a world counts in the progress: about as long as so many cells.
    private const int PreparationUnits = 5;

    private readonly Dictionary<(string Regime, ulong Seed), WorldResult> results = [];
    private readonly ConcurrentDictionary<string, Lock> bases = [];
    private readonly RunClock clock = new(folder);
    private int done;

    /// <summary>Seconds of all starts together.</summary>
    public double Seconds => clock.Seconds;

    /// <summary>All finished cells, by regime, sweep seeds last, then by seed; within a seed as they were run.</summary>
    public IReadOnlyList<CellResult> Cells =>
        [.. regimes.SelectMany(regime => seeds.Concat(sweepSeeds).SelectMany(seed => results.GetValueOrDefault((regime.Name, seed))?.Cells ?? []))];

    /// <summary>What is known of the worlds.</summary>
    public IReadOnlyList<WorldFacts> Facts =>
        [.. regimes.SelectMany(regime => seeds.Concat(sweepSeeds).Select(seed => results.GetValueOrDefault((regime.Name, seed))?.Facts)).OfType<WorldFacts>()];

    /// <summary>Reads the finished cells. A damaged file is said, and its cells are missing.</summary>
    /// <param name="moveAside">Whether damaged files are moved aside, to be written again.</param>
    /// <exception cref="Options.UsageException">A file belongs to other settings.</exception>
    public void Read(bool moveAside)
    {
        foreach (Regime regime in regimes)
        {
            foreach (ulong seed in seeds.Concat(sweepSeeds)) results[(regime.Name, seed)] = Load(regime, seed, moveAside) ?? new WorldResult([], null);
        }
    }

    private WorldResult? Load(Regime regime, ulong seed, bool moveAside)
    {
        try
        {
            return WorldFile.Load(folder, regime, seed, belonging(regime), unmarked);
        }
        catch (IOException e)
        {
            KeptResult.GiveUp(WorldFile.PathOf(folder, regime, seed), e, moveAside, say);
            return null;
        }
    }

    /// <summary>How far each regime is; read first.</summary>
    public IReadOnlyList<RegimeProgress> Progress => [.. regimes.Select(regime =>
    {
        (int Missing, bool Whole)[] sweeps = [.. sweepSeeds.Select(seed => Left(seed, Methods.SweepCells(regime)))];
        Method[] methods = [.. Methods.EvaluationCells(regime, SweepCellsOf(regime)).Select(c => c.Method)];
        (int Missing, bool Whole)[] evaluations = [.. seeds.Select(seed => Left(seed, methods))];
        return new RegimeProgress(
            regime.Name, evaluations.Count(e => e.Whole), seeds.Count, sweeps.Count(s => s.Whole), sweepSeeds.Count,
            seeds.Concat(sweepSeeds).Sum(seed => results[(regime.Name, seed)].Cells.Count), sweeps.Concat(evaluations).Sum(w => w.Missing));

        (int Missing, bool Whole) Left(ulong seed, IEnumerable<Method> cells)
        {
            WorldResult result = results[(regime.Name, seed)];
            int missing = cells.Count(method => !result.Cells.Any(cell => IsOf(cell, method)));
            return (missing, missing == 0 && result.Facts is not null);
        }
    })];

    /// <summary>Computes what is missing, so many worlds at once, each on a device of its own.</summary>
    /// <exception cref="OperationCanceledException">Stopped; finished cells are saved.</exception>
    public void Run(int threads, Func<CancellationToken, Device> openDevice, Func<string, int, int, ITrack> open, CancellationToken stop)
    {
        Read(moveAside: true);

        // Sweeps first: they choose settings that the evaluation seeds of their regime run. Seeds before regimes: what several regimes share is made once.
        List<Piece> work = [];
        foreach (ulong seed in sweepSeeds) work.AddRange(Spread().Select(regime => new Piece(regime, seed, Sweep: true)));
        foreach (ulong seed in seeds) work.AddRange(Spread().Select(regime => new Piece(regime, seed, Sweep: false)));
        int units = regimes.Sum(r => (sweepSeeds.Count + seeds.Count) * PreparationUnits + sweepSeeds.Count * Methods.SweepCells(r).Count
            + seeds.Count * (Methods.Of(r).Count + (sweepSeeds.Count > 0 ? Methods.StrengthSweeps(r).Count : 0)));
        done = results.Values.Sum(r => r.Cells.Count);
        ITrack track = open("cells", units, done);
        try
        {
            OrderedWork.Run(
                work, (piece, other) => other.Sweep && !piece.Sweep && other.Regime == piece.Regime, threads,
                (piece, ending) => RunWorld(piece.Regime, piece.Seed, piece.Sweep, openDevice, track, ending), stop);
        }
        finally
        {
            clock.Save();
        }

        track.Report(units, "done");
    }

    /// <summary>Writes all finished cells, one a line.</summary>
    public void WriteResults(string path) => AtomicFile.Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
        foreach (CellResult cell in Cells) writer.WriteLine(JsonSerializer.Serialize(cell, RunDirectory.Json));
    });

    // Regimes with a base in turn with those without: while one thread trains a base, another has work that does not need it.
    private IEnumerable<Regime> Spread()
    {
        Regime[] with = [.. regimes.Where(r => r.HasBase)], without = [.. regimes.Where(r => !r.HasBase)];
        for (int i = 0; i < Math.Max(with.Length, without.Length); i++)
        {
            foreach (Regime[] group in new[] { with, without }.Where(g => i < g.Length)) yield return group[i];
        }
    }

    private void RunWorld(Regime regime, ulong seed, bool sweep, Func<CancellationToken, Device> openDevice, ITrack track, CancellationToken stop)
    {
        WorldResult result = results[(regime.Name, seed)];
        IReadOnlyList<(Method Method, bool Chosen)> cells = sweep
            ? [.. Methods.SweepCells(regime).Select(m => (m, false))]
            : Methods.EvaluationCells(regime, SweepCellsOf(regime));
        (Method Method, bool Chosen)[] missing = [.. cells.Where(c => !result.Cells.Any(r => IsOf(r, c.Method)))];
        string name = FormattableString.Invariant($"{regime.Name} {(sweep ? "sweep " : "")}seed {seed}");
        if (missing.Length == 0 && result.Facts is not null)
        {
            Advance(PreparationUnits);
            return;
        }

        using Device device = openDevice(stop);
        using var world = new World(regime, seed, device, Path.Combine(folder, "bases"));
        lock (bases.GetOrAdd(world.BaseFolder ?? name, _ => new Lock())) // a base that several regimes share is trained once
        {
            foreach (ExperimentEvent _ in world.Prepare())
            {
            }
        }

        if (result.Facts is null) Save(result = result with { Facts = WorldFacts.Of(world, sweep) });
        Advance(PreparationUnits);
        var experiment = new Experiment(world);
        foreach ((Method method, bool chosen) in missing)
        {
            foreach (ExperimentEvent happened in experiment.Run(method, curve: !sweep && Methods.HasCurve(method)))
            {
                if (happened is not MethodDone { Cell: var cell }) continue;
                result.Cells.Add(cell with { Sweep = sweep, Chosen = chosen });
                Save(result);
                Advance(1);
            }
        }

        void Save(WorldResult changed)
        {
            lock (results) results[(regime.Name, seed)] = changed;
            WorldFile.Save(folder, regime, seed, belonging(regime), changed);
            clock.Save();
        }

        void Advance(int units)
        {
            if (units > 0) lock (track) track.Report(done += units, name);
        }
    }

    private List<CellResult> SweepCellsOf(Regime regime)
    {
        lock (results) return [.. sweepSeeds.SelectMany(seed => results[(regime.Name, seed)].Cells)];
    }

    private readonly record struct Piece(Regime Regime, ulong Seed, bool Sweep);

    private static bool IsOf(CellResult cell, Method method) =>
        cell.Method == method.Name && cell.Reference == method.Reference && cell.Knob == method.Knob && cell.Value == method.Value;
}
