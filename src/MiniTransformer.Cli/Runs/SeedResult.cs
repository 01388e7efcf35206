using System.Text.Json;
using MiniTransformer.Data.Tasks;
using MiniTransformer.IO;
using MiniTransformer.Reports;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>A learning curve.</summary>
/// <param name="Stage">What was trained: "pretraining" or an arm.</param>
/// <param name="Quantity">loss, reward, kl, entropy, length; greedy and sampled for accuracy on validation prompts.</param>
/// <param name="X">Updates done.</param>
/// <param name="Y">Values.</param>
internal sealed record Curve(string Stage, string Quantity, List<double> X, List<double> Y);

/// <summary>Everything that one seed of the demo leaves for tables and report.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Arms">The arms' results.</param>
/// <param name="Curves">The learning curves.</param>
/// <param name="Responses">Some held-out prompts with responses before and after DPR, scored token by token.</param>
internal sealed record SeedResult(ulong Seed, List<ArmResult> Arms, List<Curve> Curves, List<ScoredResponse> Responses)
{
    // Tuples are written with their fields.
    private static readonly JsonSerializerOptions Json = new(RunDirectory.Json) { IncludeFields = true };

    /// <summary>Saves the result of a finished seed, so that an interrupted demo does not repeat it.</summary>
    public void Save(string path) => AtomicFile.WriteAllText(path, JsonSerializer.Serialize(this, Json));

    /// <summary>The saved result of a seed, or null.</summary>
    public static SeedResult? Load(string path) => File.Exists(path) ? JsonSerializer.Deserialize<SeedResult>(File.ReadAllText(path), Json) : null;

    /// <summary>Runs an experiment to its end; <paramref name="report"/> learns the updates done and what is going on.</summary>
    public static SeedResult Run(Experiment experiment, Action<int, string> report, CancellationToken stop)
    {
        var result = new SeedResult(experiment.Seed, [], [], []);
        var measurements = new Dictionary<string, Measurement>();
        int done = 0;
        foreach (ExperimentEvent happened in experiment.Run())
        {
            stop.ThrowIfCancellationRequested();
            switch (happened)
            {
                case StepDone { Stage: var stage, Step: var step }:
                    result.Add(stage, step);
                    report(++done, stage);
                    break;
                case CurvePoint point:
                    result.Add(point.Arm, "greedy", point.Step, point.Greedy);
                    result.Add(point.Arm, "sampled", point.Step, point.Sampled);
                    break;
                case ArmDone { Arm: var arm, Measurement: var m }:
                    measurements[arm] = m;
                    bool onlySampled = arm == Experiment.Arms.SftCool; // its greedy responses are those of SFT
                    result.Arms.Add(new ArmResult(
                        arm, experiment.Seed, onlySampled ? double.NaN : m.Greedy.Total, m.Sampled.Total, m.Reward, m.Kl, m.Entropy, m.Length, m.Ended,
                        m.Greedy.PerTask.Keys.ToDictionary(t => t, t => (onlySampled ? double.NaN : m.Greedy.PerTask[t], m.Sampled.PerTask[t]))));
                    break;
            }
        }

        result.Responses.AddRange(Score(experiment, measurements[Experiment.Arms.Sft].Greedy, measurements[Experiment.Arms.Dpr].Greedy));
        return result;
    }

    private static IReadOnlyList<ScoredResponse> Score(Experiment experiment, Accuracy sft, Accuracy dpr)
    {
        IReadOnlyList<TaskPrompt> prompts = experiment.HeldOut;
        int[] shown = Scored.Choose([.. prompts.Select(p => p.Task.Name)], sft.Right, dpr.Right);
        var vocabulary = new Vocabulary(experiment.Tokenizer, null, experiment.Tokenizer.EndId, experiment.Tokenizer.PadId, experiment.Tokenizer.VocabSize);
        var reward = new DenseReward(experiment.Models[Experiment.Arms.Sft], experiment.Models[Experiment.Arms.Base]);
        return Scored.Responses(
            reward, "base", vocabulary, [.. shown.Select(i => (prompts[i].Encode(experiment.Tokenizer).Ids, prompts[i].Text))],
            [.. new[] { ("SFT", sft), ("DPR", dpr) }.Select(a =>
                (a.Item1, (IReadOnlyList<(int[], bool?)>)[.. shown.Select(i => (a.Item2.Responses[i].Ids, (bool?)a.Item2.Right[i]))]))]);
    }

    private void Add(string stage, TrainingStep step)
    {
        Add(stage, "loss", step.Step, step.Loss);
        if (step is not DprStep dpr) return;
        Add(stage, "reward", step.Step, dpr.Reward);
        Add(stage, "kl", step.Step, dpr.Kl);
        Add(stage, "entropy", step.Step, dpr.Entropy);
        Add(stage, "length", step.Step, dpr.Length);
    }

    private void Add(string stage, string quantity, double x, double y)
    {
        Curve? curve = Curves.Find(c => c.Stage == stage && c.Quantity == quantity);
        if (curve is null) Curves.Add(curve = new Curve(stage, quantity, [], []));
        curve.X.Add(x);
        curve.Y.Add(y);
    }
}
