using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>reward: the recovered reward of given responses, token by token.</summary>
internal sealed class RewardCommand
{
    private static readonly string[] Fields = ["logProb", "referenceLogProb", "rQ", "shaped", "rHat"];

    private readonly Command command = new("reward",
        "Recover the dense reward of responses: r_Q, the shaped reward log π, and r̂ = log π − log π_ref, token by token.");
    private readonly CommonFlags common;
    private readonly Flag<string?> policy = Flags.Path("--policy", "π_SFT: a model's folder, or a run's");
    private readonly Flag<string?> reference = Flags.Text(
        "--reference", "π_ref: a folder; or base, half or a fraction such as 0.1, of the run that --policy names", "DIR|NAME");
    private readonly Flag<string?> data = Flags.Path(
        "--data", "prompts with responses in JSONL: {\"prompt\",\"completion\"}, {\"messages\"} or {\"prompt_ids\",\"completion_ids\"}",
        "FILE");
    private readonly Flag<bool> json = Flags.Switch(
        "--json",
        "one JSON line a response, with arrays ids, tokens, logProb, referenceLogProb, rQ, shaped, rHat, their sums, and whether it ended",
        saved: false);
    private readonly Flag<int> batch = Flags.Int("--batch", "responses computed together; the values do not depend on it", 32, min: 1);
    private readonly Flag<double> floor = Flags.Number("--floor", "δ of log((π_SFT + δ) / (π_ref + δ)) for rHat", 0, max: 1);
    private readonly Flag<bool> centred = Flags.Switch("--centred", "subtract from rHat the state's mean under π_SFT");

    private RewardCommand() =>
        common = new CommonFlags(command, "write the results to this file instead of standard output", "FILE",
            "accepted for uniformity: nothing is drawn here");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var reward = new RewardCommand();
        foreach (Option flag in new Option[] { reward.policy, reward.reference, reward.data, reward.json, reward.batch, reward.floor,
            reward.centred })
        {
            reward.command.Add(flag);
        }
        string[] examples =
        [
            "reward --policy runs/sft --reference half --data responses.jsonl",
            "reward --policy models/expert --reference models/base --data responses.jsonl --json",
        ];
        return new CliCommand(reward.command, reward.common, examples, reward.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string policyPath = settings.Required(policy), referenceName = settings.Required(reference), file = settings.Required(data);
        string policyFolder = ModelFolder.Named(policy.Name, policyPath),
            referenceFolder = ModelFolder.Reference(policyPath, referenceName);
        using Device device = common.Device(settings, terminal.Stop);
        using LoadedModel loaded = LoadedModel.Open(policyFolder, device), loadedReference = LoadedModel.Open(referenceFolder, device);
        (Transformer expert, Transformer other) = (loaded.Model, loadedReference.Model);
        var reward = new DenseReward(expert, other, new RewardOptions { Floor = settings.Get(floor), Centred = settings.Get(centred) });
        if (other.HasWeightsOf(expert))
        {
            terminal.Say($"Warning: the reference {referenceName} has the weights of the policy itself, to the bit: r̂ is 0 for every "
                + "token.");
        }
        if (loaded.Vocabulary.Tokenizer is null && loadedReference.Vocabulary.Tokenizer is null
            && expert.Config.Form.ModelType != other.Config.Form.ModelType)
        {
            terminal.Say($"Warning: the policy is a {expert.Config.Form.ModelType} model and the reference a {other.Config.Form.ModelType} "
                + "one, "
                + "and neither has a tokenizer: whether ids mean the same to both nobody can tell.");
        }
        Vocabulary vocabulary = LoadedModel.Shared([loaded, loadedReference]);
        int positions = Math.Min(expert.Config.MaxPositions, other.Config.MaxPositions);

        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        int read = 0;
        try
        {
            // on a terminal the responses show how far it is
            int lines = terminal.OutIsTerminal && settings.Get(common.Out) is null ? 0 : Lines(file);
            if (lines == 0) Score(null);
            else Progress.Show(terminal, open => { Score(open("reward", lines, 0)); return read; });
        }
        catch (OperationCanceledException)
        {
            throw results.Part(read == 0 ? null : $"the first {read} responses are scored");
        }

        if (read == 0) throw new DataException($"{Invocation.Shown(file)}: the file holds no example.");
        results.Keep();
        return ExitCode.Done;

        void Score(ITrack? track)
        {
            long tokensDone = 0;
            foreach (Example[] examples in terminal.Stop.Await(JsonlReader.Read(file, vocabulary.Tokenizer, vocabulary.Size,
                new JsonlOptions { Say = terminal.Say }).Chunk(settings.Get(batch))))
            {
                Demonstrations.FromExamples(examples).CheckLength(positions);
                var responses = new ResponseBatch(examples);
                RecoveredRewards rewards = reward.Recover(responses, vocabulary.Ends);
                for (int b = 0; b < examples.Length; b++)
                {
                    Token[] tokens = [.. examples[b].ResponseIds.Select((id, t) =>
                        Token.Of(id, vocabulary, rewards, responses.Starts[b] + t))];
                    if (settings.Get(json)) results.Writer.WriteLine(Json(tokens, rewards.Ends.Ended[b]));
                    else WriteTable(results.Writer, vocabulary, examples[b], tokens, rewards.Ends.Ended[b]);
                    tokensDone += tokens.Length;
                }

                read += examples.Length;
                track?.Report(read, FormattableString.Invariant($"{tokensDone:N0} tokens"));
            }
        }
    }

    // How many responses there may be; what is read once, such as a pipe, does not say.
    private static int Lines(string file)
    {
        FileInfo target = File.ResolveLinkTarget(file, returnFinalTarget: true) as FileInfo ?? new FileInfo(file);
        return target is { Exists: true, Length: > 0 } ? File.ReadLines(file).Count() : 0;
    }

    private static float[] Values(Token[] tokens, string field) => [.. tokens.Select(t => field switch
    {
        "referenceLogProb" => t.ReferenceLogProb,
        "rQ" => t.RQ,
        "rHat" => t.RHat,
        _ => t.LogProb, // the shaped reward is log π_SFT
    })];

    // r_Q is not known (null) of a last token that fills the model's context and ends nothing: there is no position for the state after it.
    private static string Json(Token[] tokens, bool ended)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = RunDirectory.Json.Encoder }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("ids");
            foreach (Token token in tokens) writer.WriteNumberValue(token.Id);
            writer.WriteEndArray();
            writer.WriteStartArray("tokens");
            foreach (Token token in tokens) writer.WriteStringValue(token.Text);
            writer.WriteEndArray();
            foreach (string field in Fields)
            {
                writer.WriteStartArray(field);
                foreach (float value in Values(tokens, field))
                {
                    if (float.IsNaN(value)) writer.WriteNullValue();
                    else writer.WriteNumberValue(value);
                }

                writer.WriteEndArray();
            }

            writer.WriteStartObject("sums");
            foreach (string field in Fields)
            {
                double sum = Values(tokens, field).Sum(value => (double)value);
                if (double.IsNaN(sum)) writer.WriteNull(field);
                else writer.WriteNumber(field, sum);
            }

            writer.WriteEndObject();
            writer.WriteBoolean("ended", ended);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteTable(TextWriter output, Vocabulary vocabulary, Example example, Token[] tokens, bool ended)
    {
        output.WriteLine($"{example.Source}  prompt: {example.Prompt ?? vocabulary.Show(example.PromptIds)}");
        int width = Math.Max(8, tokens.Max(t => t.Text.Length));
        // r̂ is two characters and one column
        output.WriteLine($"  {"token".PadRight(width)} {"id",6} {"log π",10} {"log π_ref",10} {"r_Q",10} {"r̂",11}");
        foreach (Token t in tokens)
            Line(t.Text, $"{t.Id}", t.LogProb, t.ReferenceLogProb, t.RQ, t.RHat);
        Line("sum", "", tokens.Sum(t => t.LogProb), tokens.Sum(t => t.ReferenceLogProb), tokens.Sum(t => t.RQ), tokens.Sum(t => t.RHat));
        if (!ended)
            output.WriteLine("  The response was cut off: it has no end token, so that r_Q of its last token takes the value of the state "
                + "after it" + (float.IsNaN(tokens[^1].RQ) ? ", for which the model has no position." : "."));
        output.WriteLine();

        void Line(string name, string id, float logProb, float reference, float rQ, float rHat) =>
            output.WriteLine(FormattableString.Invariant(
            $"  {name.PadRight(width)} {id,6} {logProb,10:0.0000} {reference,10:0.0000} {Value(rQ),10} {Signed(rHat),10}"));

        static string Value(float value) => float.IsNaN(value) ? Numbers.None : value.ToString("0.0000", CultureInfo.InvariantCulture);
    }

    /// <summary>Four places with the sign; what rounds to zero has a plus (with sections of a format it would be "-+0.0000").</summary>
    internal static string Signed(float value)
    {
        string text = value.ToString("0.0000", CultureInfo.InvariantCulture);
        return text == "-0.0000" ? "+0.0000" : value >= 0 ? "+" + text : text;
    }

    private sealed record Token(int Id, string Text, float LogProb, float ReferenceLogProb, float RQ, float RHat)
    {
        public static Token Of(int id, Vocabulary vocabulary, RecoveredRewards rewards, int i) => new(
            id, vocabulary.Show(id), rewards.LogProb[i], rewards.ReferenceLogProb[i], rewards.RQ[i], rewards.RHat[i]);
    }
}
