using MiniTransformer.Cli.Html;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
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
    /// <summary>Prepares a world and runs the demo's methods in it; <paramref name="report"/> learns the updates done and what is going on.</summary>
    public static SeedResult Run(World world, Action<int, string> report)
    {
        var result = new SeedResult(world.Seed, [], [], []);
        int done = 0;
        var measured = new Dictionary<Method, Accuracy>();
        foreach (ExperimentEvent happened in world.Prepare()) Note(happened);

        var experiment = new Experiment(world);
        IReadOnlyList<Method> methods = Methods.OfDemo(world.Regime);
        foreach (Method method in methods)
        {
            foreach (ExperimentEvent happened in experiment.Run(method, curve: Methods.HasCurve(method))) Note(happened);
        }

        Method dpr = methods.First(m => m is DprMethod);
        if (measured.TryGetValue(dpr, out Accuracy? after)) result.Responses.AddRange(Score(world, measured[methods.First(m => m is SftMethod)], after));
        return result;

        void Note(ExperimentEvent happened)
        {
            switch (happened)
            {
                case StepDone { Stage: var stage, Step: var step }:
                    result.Add(stage, step);
                    report(++done, stage);
                    break;
                case MethodDone { Method: var method, Cell: var cell, Evaluation: var evaluation }:
                    if (evaluation is not null) measured[method] = evaluation.Greedy;
                    result.Arms.Add(ArmResult.Of(cell));
                    foreach (CurvePoint point in cell.Curve)
                    {
                        result.Add(cell.Label, "greedy", point.Step, point.Greedy);
                        result.Add(cell.Label, "sampled", point.Step, point.Sampled);
                    }

                    break;
            }
        }
    }

    /// <summary>Updates of the whole demo of one seed.</summary>
    public static int StepsOf(World world) => world.Steps + Methods.OfDemo(world.Regime).Sum(m => m.Steps(world));

    private static IReadOnlyList<ScoredResponse> Score(World world, Accuracy sft, Accuracy dpr)
    {
        IReadOnlyList<TaskPrompt> prompts = world.Data.Evaluation;
        int[] shown = Scored.Choose([.. prompts.Select(p => p.Task.Name)], sft.Right, dpr.Right);
        var vocabulary = Vocabulary.Of(world.Tokenizer);
        return Scored.Responses(
            world.Reward(world.Regime.MainReference), [world.Regime.MainReference], vocabulary, [.. shown.Select(i => (prompts[i].Encode(world.Tokenizer).Ids, prompts[i].Text))],
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
