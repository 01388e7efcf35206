using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// What happens in a world, as the demo tells it: the curves of all that is trained, and in the end some responses of SFT and of DPR.
/// </summary>
internal sealed class WorldStory(World world)
{
    private readonly List<Curve> curves = [];
    private readonly Dictionary<MethodRole, Accuracy> greedy = [];

    /// <summary>Hears of an event.</summary>
    public void Add(ExperimentEvent happened)
    {
        switch (happened)
        {
            case StepDone { Stage: var stage, Step: var step }:
                Add(stage, "loss", step.Step, step.Loss);
                if (step is not DprStep dpr) break;
                Add(stage, "reward", step.Step, dpr.Reward);
                Add(stage, "kl", step.Step, dpr.Kl);
                Add(stage, "entropy", step.Step, dpr.Entropy);
                Add(stage, "length", step.Step, dpr.Length);
                break;
            case MethodDone { Method: var method, Result: var result, Evaluation: var evaluation }:
                if (evaluation is not null) greedy.TryAdd(method.Role, evaluation.Greedy); // the first of a role
                foreach (CurvePoint point in result.Curve)
                {
                    Add(result.Label, "greedy", point.Step, point.Greedy);
                    Add(result.Label, "sampled", point.Step, point.Sampled);
                }

                break;
        }
    }

    /// <summary>A finished world's result, with its story.</summary>
    public WorldResult Of(WorldResult result) => result with { Curves = curves, Responses = Responses() };

    private IReadOnlyList<ScoredResponse> Responses()
    {
        if (!greedy.TryGetValue(MethodRole.Dpr, out Accuracy? dpr)) return []; // it collapsed
        Accuracy sft = greedy[MethodRole.Sft];
        IReadOnlyList<TaskPrompt> prompts = world.Data.Evaluation;
        int[] shown = Scored.Choose([.. prompts.Select(p => p.Task.Name)], sft.Right, dpr.Right);
        var vocabulary = Vocabulary.Of(world.Tokenizer);
        return Scored.Responses(
            world.Reward(world.Regime.MainReference), [world.Regime.MainReference], vocabulary,
            [.. shown.Select(i => (prompts[i].Encode(world.Tokenizer).Ids, prompts[i].Text))],
            [.. new[] { ("SFT", sft), ("DPR", dpr) }.Select(a =>
                (a.Item1, (IReadOnlyList<(int[], bool?)>)[.. shown.Select(i => (a.Item2.Responses[i].Ids, (bool?)a.Item2.Right[i]))]))]);
    }

    private void Add(string stage, string quantity, double x, double y)
    {
        Curve? curve = curves.Find(c => c.Stage == stage && c.Quantity == quantity);
        if (curve is null) curves.Add(curve = new Curve(stage, quantity, [], []));
        curve.X.Add(x);
        curve.Y.Add(y);
    }
}
