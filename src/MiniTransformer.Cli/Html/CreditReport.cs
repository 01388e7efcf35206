using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Data;
using MiniTransformer.Lab;
using MiniTransformer.Nn;

namespace MiniTransformer.Cli.Html;

/// <summary>The page of the command credit.</summary>
/// <param name="policy">What the user calls π_SFT.</param>
/// <param name="references">Its references.</param>
/// <param name="vocabulary">What ids mean.</param>
/// <param name="expert">π_SFT.</param>
/// <param name="progress">Hears how many responses are scored, and of how many.</param>
internal sealed class CreditReport(
    string policy, CreditReferences references, Vocabulary vocabulary, Transformer expert, Action<int, int>? progress = null)
{
    // Responses scored together: short ones share a batch, long ones do not wait for memory.
    private const int Together = 16;

    private readonly string[] names = [.. references.All.Select(r => r.Name)];

    /// <summary>The page.</summary>
    /// <param name="data">What the responses are.</param>
    /// <param name="responses">The responses.</param>
    /// <param name="result">What came of planted errors, or null.</param>
    /// <param name="planted">Some of the responses with an error.</param>
    public string ToHtml(
        CreditData data, IReadOnlyList<(Example Example, bool? Right, string Label)> responses, PlantedErrorResult? result,
        IReadOnlyList<PlantedExample> planted)
    {
        string against = string.Join(", ", names);
        string finding = result is null ? "" : PlantedErrorTable.Finding(result);
        var report = new HtmlReport(
            $"Credit: {Path.GetFileName(Path.TrimEndingDirectorySeparator(policy))}",
            $"Which tokens earn the reward that fine-tuning has learned: {data.What}, scored by {Invocation.Shown(policy)} against "
                + $"{against}.\n\n{finding}");
        report.Section("Responses").Paragraph(HowToRead()).Heatmap(Score(responses));
        if (result is not null)
        {
            report.Section("Planted errors").Table(PlantedErrorTable.Of(result)).Paragraph(PlantedErrorTable.Meaning(result));
            report.Section("Responses with a planted error")
                .Paragraph("The planted token has a dashed border; what belongs there stands in its details.")
                .Heatmap(Marked(planted));
        }

        return report.Section("What was scored").Facts(Facts(data, result)).ToHtml();
    }

    private string HowToRead() =>
        "Blue tokens have a positive score, orange ones a negative one. The first number under a token is its score in nats, the second, "
            + "after Σ, the running sum up to and with it. Point at a "
        + "token, or go there with the Tab key, for all its scores and for the tokens that π_SFT finds most probable at the same place, "
        + "each with its probability under π_SFT and under every reference and its r̂.\n\n"
        + "r̂ = log π_SFT − log π_ref is positive where fine-tuning made the token more probable; over a response r̂ adds up to log "
        + "π_SFT(y|x) − log π_ref(y|x), exactly. "
        + "r_Q = Q(s,a) − V(s′) is the reward under which the policy is soft-optimal: with γ = 1 and V(terminal) = 0 the values telescope, "
        + "and Σ r_Q = log π_SFT(y|x) + V(s₀), less the value of the state after a response that was cut off, up to the rounding of 32-bit "
        + "numbers. "
        + "log π_SFT is the shaped reward, never positive.";

    private ScoredResponse[] Score(IReadOnlyList<(Example Example, bool? Right, string Label)> responses)
    {
        ScoredRow[] tokens = Tokens([.. responses.Select(r => r.Example)]);
        return [.. responses.Select((r, i) => tokens[i].Of(PromptOf(r.Example), r.Right, r.Label, names))];
    }

    private ScoredResponse[] Marked(IReadOnlyList<PlantedExample> planted)
    {
        ScoredRow[] tokens = Tokens([.. planted.Select(p => p.Example)]);
        for (int i = 0; i < planted.Count; i++)
        {
            int at = planted[i].Position;
            tokens[i].Tokens[at] = tokens[i].Tokens[at] with
            {
                Mark = "planted error, right is "
                + $"{HtmlText.Visible(vocabulary.Show(planted[i].RightId))}"
            };
        }

        return [.. planted.Select((p, i) => tokens[i].Of(PromptOf(p.Example), null, $"error at token {p.Position + 1}", names))];
    }

    private ScoredRow[] Tokens(Example[] examples)
    {
        var rows = new List<ScoredRow>();
        foreach (Example[] batch in examples.Chunk(examples.Max(e => e.Positions) > 256 ? 1 : Together))
        {
            rows.AddRange(Scored.Tokens(expert, references.All, vocabulary, batch));
            progress?.Invoke(rows.Count, examples.Length);
        }

        return [.. rows];
    }

    private string PromptOf(Example example) => example.Prompt ?? vocabulary.Show(example.PromptIds);

    private IEnumerable<(string Name, string Value)> Facts(CreditData data, PlantedErrorResult? result)
    {
        yield return ("π_SFT", Invocation.Shown(ModelFolder.Find(policy)));
        for (int i = 0; i < names.Length; i++) yield return ($"π_ref: {names[i]}", Invocation.Shown(references.Loaded[i].Folder));
        yield return ("responses", data.What);
        if (result is not null) yield return ("planted errors", $"{result.Responses} responses, seed {result.Seed}");
        foreach ((string, string) fact in RunReport.Machine()) yield return fact;
    }
}
