using MiniTransformer.Cli.Invocations;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a credit report is about: prompts with right responses, or given responses whose rightness nobody vouches for.</summary>
/// <param name="What">In words, for the report.</param>
/// <param name="Examples">Prompts, each with its right response or the given one.</param>
/// <param name="Accepts">Whether tokens are a right response to example i; null where the responses are given.</param>
/// <param name="IsGold">Whether the responses are right ones, and not demonstrations that may be wrong.</param>
internal sealed record CreditData(string What, IReadOnlyList<Example> Examples, Func<int, int[], bool>? Accepts, bool IsGold)
{
    /// <summary>What the responses are called.</summary>
    public string Response => IsGold ? "right response" : "demonstrated response";

    /// <summary>All responses of a file, of which the columns that are not read are said.</summary>
    public static CreditData OfFile(string file, Vocabulary vocabulary, Action<string> say)
    {
        var examples = Demonstrations.Load(file, vocabulary.Tokenizer, vocabulary.Size, new JsonlOptions { Say = say });
        examples.CheckGold();
        bool isGold = examples.All(e => e.Gold is not null);
        return new CreditData($"the responses of {Invocation.Shown(file)}",
            isGold ? [.. examples.Select(e => Right(e, vocabulary))] : examples, null, isGold);
    }

    /// <summary>The first held-out prompts of tasks.</summary>
    public static CreditData OfTasks(string tasks, ulong seed, int prompts, ITokenizer tokenizer)
    {
        IReadOnlyList<TaskPrompt> chosen = DataSource.Split(tasks, seed, new PromptSplitSizes(prompts, 0, 0, 0)).Evaluation;
        return new CreditData(
            $"held-out prompts of {tasks} (seed {seed})",
            [.. chosen.Select(p => Example.FromText(p.Text, p.Task.Answer(p.Text), tokenizer))],
            (i, ids) => chosen[i].Accepts(ids, tokenizer), IsGold: true);
    }

    /// <summary>The first held-out prompts of a run: the same that it was evaluated on.</summary>
    /// <param name="run">The run's folder.</param>
    /// <param name="prompts">How many, at most.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="seen">What the policy was trained on.</param>
    /// <param name="say">Is told what is left out, and which columns are not read.</param>
    public static CreditData OfRun(string run, int prompts, Vocabulary vocabulary, TrainedPrompts seen, Action<string> say)
    {
        DataSource source = RunSettings.ReadTraining(run, "--run").SourceAt(run);
        if (source.Tasks is { } tasks) return OfTasks(tasks, source.Seed, prompts, vocabulary.Needed("--task"));
        using RunData data = source.Load(vocabulary, seen, say);
        bool isGold = source.EvalFile is not null || data.Evaluation.Examples.All(e => e.Gold is not null);
        Example[] heldOut = [.. data.Evaluation.Examples.Take(prompts).Select(e => Right(e, vocabulary))];
        if (heldOut.Length == 0)
        {
            throw new UsageException("the run holds nothing out (--held-out 0); give responses with --data, or prompts with --task.");
        }
        return new CreditData(
            $"held-out prompts of {Invocation.Shown(source.EvalFile ?? source.File!)}", heldOut, (i, ids) =>
                vocabulary.Ends.SameResponse(ids, heldOut[i].ResponseIds), isGold);
    }

    /// <summary>The responses to show: the given ones; or the policy's own, each wrong one with the right response under it.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="count">How many prompts.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="sampling">How the policy answers.</param>
    public IReadOnlyList<(Example Example, bool? Right, string Label)> Responses(
        Transformer policy, int count, Vocabulary vocabulary, SamplingOptions sampling)
    {
        Example[] first = [.. Examples.Take(count)];
        if (Accepts is null)
        {
            return [.. first.Select((e, i) => (e, (bool?)null, e.Source is { } source ? Place(source) : $"response {i + 1}"))];
        }
        SampledResponse[] own = Sampler.Generate(policy, [.. first.Select(e => e.PromptIds)], vocabulary.Ends, sampling);
        string label = sampling.Temperature == 0
            ? "policy, greedy"
            : FormattableString.Invariant($"policy, sampled at temperature {sampling.Temperature}");
        var responses = new List<(Example, bool?, string)>();
        for (int i = 0; i < first.Length; i++)
        {
            bool right = Accepts(i, own[i].Ids);
            responses.Add((first[i] with { ResponseIds = own[i].Ids, Response = null }, right, label));
            if (!right) responses.Add((first[i], null, Response));
        }

        return responses;
    }

    // With the right answer as its response, where the data has one.
    private static Example Right(Example e, Vocabulary vocabulary) =>
        e.Gold is { } gold
            ? e with { Response = gold, ResponseIds = vocabulary.Needed("a right answer (answer, gold)").EncodeResponse(gold) }
            : e;

    private static string Place(string source) => source.StartsWith(Path.DirectorySeparatorChar) ? Path.GetFileName(source) : source;
}
