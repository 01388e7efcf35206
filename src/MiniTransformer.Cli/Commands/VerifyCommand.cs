using System.CommandLine;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Prove;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>verify: the theory's statements by numbers, on fresh random cases and on a user's own model.</summary>
internal sealed class VerifyCommand
{
    // A user's model is checked on this many batches of this many examples.
    private const int Batches = 4, BatchSize = 6;

    private readonly Command command = new(
        "verify",
        "Prove by numbers that SFT is inverse soft-Q learning, that the recovered reward is what it is said to be, and that Dense-Path "
            + "REINFORCE "
        + "follows its gradient: every statement on random token MDPs and through random transformers, each beside its nearest false "
        + "statement. "
        + "Exit code 1 if one fails.");
    private readonly CommonFlags common;
    private readonly Formulas formulas;
    private readonly Flag<int> cases = Flags.Int("--cases", "random token MDPs of each statement; a tenth as many transformers", 1000,
        min: 100);
    private readonly Flag<string?> policy = Flags.Path("--policy", "check T1 to T4 on this model instead: its folder, or a run's");
    private readonly Flag<string?> adapter = Flags.Path("--adapter",
        "with --policy, a base: check it with these adapters of it, a folder in PEFT's form or a run's");
    private readonly Flag<string?> reference = Flags.Text(
        "--reference", "π_ref of T4: a folder; or base, half or a fraction such as 0.1, of the run that --policy names", "DIR|NAME");
    private readonly Flag<string?> data = Flags.Path("--data", "examples for --policy in JSONL, as sft reads them", "FILE");
    private readonly Flag<bool> json = Flags.Switch(
        "--json",
        "one JSON line a statement: number, statement, nearestFalse, cases, largestError, tolerance, controlError, failure, holds, verdict",
        saved: false);

    private VerifyCommand(Formulas formulas)
    {
        this.formulas = formulas;
        common = new CommonFlags(
            command, "write the results to this file instead of standard output", "FILE",
            "seed of the random cases; another seed checks others");
    }

    /// <summary>The command.</summary>
    /// <param name="formulas">What is verified; the functions that training calls if null.</param>
    public static CliCommand Create(Formulas? formulas = null)
    {
        var verify = new VerifyCommand(formulas ?? new Formulas());
        foreach (Option flag in new Option[] { verify.cases, verify.policy, verify.adapter, verify.reference, verify.data, verify.json })
        {
            verify.command.Add(flag);
        }
        string[] examples =
        [
            "verify",
            "verify --seed 2 --cases 5000",
            "verify --policy runs/sft --reference half --data demos.jsonl",
            "verify --policy models/qwen --adapter runs/adapters --data demos.jsonl",
            "verify --json",
        ];
        return new CliCommand(verify.command, verify.common, examples, verify.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string? policyPath = settings.Get(policy), file = settings.Get(data);
        if (policyPath is null && settings.Get(adapter) is not null)
        {
            throw new UsageException("--adapter needs --policy: the base that it adapts.");
        }
        if (policyPath is null && (file ?? settings.Get(reference)) is not null)
            throw new UsageException("--data and --reference need --policy: the model to check.");
        if (policyPath is not null && file is null) throw new UsageException("--policy needs --data: the examples to check the model on.");

        var proof = new Proof(settings.Get(cases), settings.Get(common.Seed), formulas);
        using Device device = common.Device(settings, terminal.Stop);
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        using OwnModel? own = policyPath is null ? null : Load(settings, policyPath, file!, device, proof.Seed, terminal.Say);
        var rows = new List<ProofRow>();
        int statements = Identities.All.Count + 8;
        try
        {
            Progress.Show(terminal, Check);
        }
        catch (OperationCanceledException)
        {
            if (rows.Count > 0) WriteRows();
            throw results.Part(rows.Count == 0 ? null : $"{rows.Count} of {statements} statements are checked");
        }

        WriteRows();
        results.Keep();
        foreach (string failure in ProofTable.Failures(rows)) terminal.Say(failure);
        return rows.All(row => row.Holds) ? ExitCode.Done : ExitCode.Failed;

        bool Check(OpenTrack open)
        {
            ITrack track = open("verify", statements, 0);
            foreach (ProofRow row in proof.OnTokenMdps(terminal.Stop)) Add(track, row);
            Add(track, proof.OnPolicies(own?.Cases ?? proof.RandomPolicies(device)));
            Add(track, proof.OnEnumerableWorlds(device));
            Add(track, proof.OnDivergences(device));
            return true;
        }

        void WriteRows()
        {
            if (!settings.Get(json)) Write(results.Writer, rows, own);
            else foreach (ProofRow row in rows) results.Writer.WriteLine(ProofTable.ToJson(row));
        }

        void Add(ITrack track, params ProofRow[] found)
        {
            rows.AddRange(found);
            track.Report(rows.Count, rows[^1].Number);
        }
    }

    private static void Write(TextWriter output, List<ProofRow> rows, OwnModel? own)
    {
        output.WriteLine(ProofTable.Header);
        output.WriteLine("On random token MDPs, in double precision:");
        foreach (ProofRow row in rows.Where(row => row.Number[0] == 'P')) output.WriteLine(ProofTable.Of(row));
        output.WriteLine("Through the transformer and its tape, in float32:");
        foreach (ProofRow row in rows.Where(row => row.Number[0] == 'T')) output.WriteLine(ProofTable.Of(row));
        output.WriteLine();
        if (own is not null) output.WriteLine($"T1 to T4 on {own.Name}; T5 to T7 on random transformers.");
        output.WriteLine($"{rows.Count(row => row.Holds)} of {rows.Count} statements hold. 'if false' is the error of the nearest false "
            + $"statement on");
        output.WriteLine("the same cases; it has to be large, or nothing was shown; --json names it.");
        output.WriteLine("What the statements say: src/MiniTransformer.Training/Theory/README.md");
    }

    private OwnModel Load(Settings settings, string policyPath, string file, Device device, ulong seed, Action<string> say)
    {
        string? referenceFolder = settings.Get(reference) is { } name ? ModelFolder.Reference(policyPath, name) : null;
        string? adapterFolder = settings.Get(adapter) is { } adapters ? ModelFolder.Named(adapter.Name, adapters) : null;
        (string folder, Transformer model, Vocabulary vocabulary) = LoadedModel.Named(policy.Name, policyPath, device,
            trainable: adapterFolder is null);
        if (adapterFolder is not null)
        {
            model = Checkpoint.LoadAdapters(adapterFolder, model,
                new AdaptedBase(folder, Checkpoint.Sha256(folder, device.Stop)));
        }
        Transformer? other = referenceFolder is null ? null : LoadedModel.Open(referenceFolder, device).Model;
        Demonstrations examples = device.Stop.Await(() =>
            Demonstrations.Load(file, vocabulary.Tokenizer, vocabulary.Size, new JsonlOptions { Say = say }));
        examples.CheckLength(Math.Min(model.Config.MaxPositions, other?.Config.MaxPositions ?? int.MaxValue));
        Example[] drawn = [.. examples.Where(e => e.ResponseIds.Length > 0)];
        if (drawn.Length == 0) throw new DataException($"{Invocation.Shown(file)}: every response is empty; there is nothing to check on.");
        new Rng(NamedSeed.Of("examples", seed)).Shuffle<Example>(drawn);
        PolicyCase[] chosen = [.. drawn.Take(Batches * BatchSize).Chunk(BatchSize)
            .Select(batch => new PolicyCase(model, other, new ResponseBatch(batch)))];
        string title = $"{Invocation.Shown(policyPath)}{(settings.Get(adapter) is { } named ? $" with {Invocation.Shown(named)}" : "")} "
            + $"and {chosen.Sum(c => c.Batch.B)} examples of {Invocation.Shown(file)}";
        return new OwnModel(title, model, other, chosen);
    }

    private sealed record OwnModel(string Name, Transformer Policy, Transformer? Reference, PolicyCase[] Cases) : IDisposable
    {
        public void Dispose()
        {
            Policy.Dispose();
            Reference?.Dispose();
        }
    }
}
