using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Cli.Commands;

/// <summary>generate: responses of a model to prompts.</summary>
internal sealed class GenerateCommand
{
    // Prompts of standard input that are read, and responses that are drawn, together.
    private const int PromptsTogether = 256;

    private readonly Command command = new("generate", "Answer prompts with a model.");
    private readonly CommonFlags common;
    private readonly Flag<string?> model = Flags.Path("--model", "a model's folder, or a run's, which means its final checkpoint");
    private readonly Flag<string?> checkpoint = Flags.Text("--checkpoint", "of a run's folder: base, fraction-0.50, final ...", "NAME");
    private readonly Flag<string?> prompt = Flags.Text("--prompt", "the prompt; without it every line of standard input is one", "TEXT");
    private readonly Flag<string?> data = Flags.Path(
        "--data", "prompts in JSONL instead: {\"prompt\"}, {\"messages\"} or {\"prompt_ids\"} a line; answers are JSON lines", "FILE");
    private readonly Flag<bool> chat = Flags.Switch(
        "--chat",
        "the prompt is a user's message; without --prompt a conversation: every line is the next message, /reset begins anew, /exit ends");
    private readonly Flag<string?> system = Flags.Text("--system", "with --chat: the system's message before it", "TEXT");
    private readonly Flag<double> temperature = Flags.Number("--temperature", "divides the logits; 0 takes the most probable token", 1);
    private readonly Flag<int> topK = Flags.Int("--top-k", "keep only this many most probable tokens, 0 for all", 0);
    private readonly Flag<double> topP = Flags.Number("--top-p", "keep only the most probable tokens with this mass", 1, max: 1,
        open: true);
    private readonly Flag<int> maxTokens = Flags.Int("--max-tokens",
        "longest response, where the model's context has room for it after its prompt", 64, min: 1);
    private readonly Flag<int> count = Flags.Int("--count", "responses to each prompt", 1, min: 1);
    private readonly Flag<bool> json = Flags.Switch("--json", "one JSON line a response: prompt, response, ids, logProb, ended",
        saved: false);

    private GenerateCommand() =>
        common = new CommonFlags(command, "write the responses to this file instead of standard output", "FILE", "seed of the draws");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var generate = new GenerateCommand();
        foreach (Option flag in new Option[]
        {
            generate.model, generate.checkpoint, generate.prompt, generate.data, generate.chat, generate.system, generate.temperature,
            generate.topK, generate.topP, generate.maxTokens,
            generate.count, generate.json,
        }) generate.command.Add(flag);
        string[] examples =
        [
            "generate --model runs/sft --prompt \"rev:abc=\"",
            "generate --model runs/sft --prompt \"rev:abc=\" --temperature 0.7 --top-p 0.9 --count 5 --seed 3",
            "generate --model runs/sft --temperature 0 --json < prompts.txt",
            "generate --model runs/sft --data prompts.jsonl --out answers.jsonl",
            "generate --model models/qwen --chat --system \"Be brief.\"",
        ];
        return new CliCommand(generate.command, generate.common, examples, generate.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string path = settings.Required(model);
        bool talks = settings.Get(chat) && settings.Get(prompt) is null && settings.Get(data) is null;
        if (settings.Get(data) is not null && (settings.Get(prompt) is not null || settings.Get(chat)))
            throw new UsageException("--data does not go with --prompt or --chat: its lines say what they are.");
        if (settings.Get(prompt) is null && settings.Get(data) is null && !talks && terminal.InIsTerminal)
            throw new UsageException("--prompt is needed, or prompts on standard input, one a line: generate --model DIR < prompts.txt.");
        using Device device = common.Device(settings, terminal.Stop);
        using var loaded = LoadedModel.Named(settings.Given(checkpoint) ? checkpoint.Name : model.Name, path, device,
            settings.Get(checkpoint) ?? ModelFolder.Final);
        (_, Transformer transformer, Vocabulary vocabulary) = loaded;
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        if (talks) return Talk(settings, terminal, transformer, vocabulary, results);
        int n = settings.Get(count);
        long answered = 0, cut = 0;
        bool allFit = true;
        try
        {
            foreach (Prompt[] prompts in terminal.Stop.Await(Prompts(settings, vocabulary, terminal).Chunk(PromptsTogether)))
            {
                // A prompt that is too long has an empty response, so that the lines of prompts and responses match.
                if (PromptRoom.TooLong(prompts, transformer.Config.MaxPositions) is { } sentence)
                {
                    if (settings.Get(prompt) is not null) throw new UsageException(sentence);
                    terminal.Say(sentence);
                    allFit = false;
                }

                foreach (Prompt[] asked in prompts.SelectMany(p => Enumerable.Repeat(p, n)).Chunk(PromptsTogether))
                {
                    SampledResponse[] responses = Sampler.Generate(
                        transformer, [.. asked.Select(p => p.Ids)], vocabulary.Ends,
                        Options(settings) with { FirstStream = (ulong)answered });
                    for (int i = 0; i < responses.Length; i++) Write(results.Writer, settings, vocabulary, asked[i], responses[i]);
                    results.Writer.Flush();
                    answered += responses.Length;
                    cut += responses.Count(r => !r.Ended && r.Ids.Length > 0);
                }
            }
        }
        catch (OperationCanceledException)
        {
            throw results.Part(answered == 0 ? null : $"the first {answered} responses are there");
        }

        if (answered == 0) throw new UsageException("there is no prompt: give --prompt, or prompts on standard input, one a line.");
        if (cut > 0 && settings.Get(data) is not null)
            terminal.Say($"{cut} of {answered} responses were cut off, at --max-tokens {settings.Get(maxTokens)} or where the model's "
                + "context was full (\"ended\": false).");
        results.Keep();
        return allFit ? ExitCode.Done : ExitCode.Failed;
    }

    private IEnumerable<Prompt> Prompts(Settings settings, Vocabulary vocabulary, Terminal terminal) => settings.Get(prompt) is { } text
        ? [new Prompt(Encode(settings, vocabulary, text), text, "--prompt")]
        : settings.Get(data) is { } file ? PromptReader.Read(file, vocabulary.Tokenizer, vocabulary.Size, terminal.Say)
        : PromptReader.ReadText(terminal.InBytes, "standard input")
        .Select(line => new Prompt(Encode(settings, vocabulary, line.Text), line.Text, line.Source));

    private static ChatFormat ChatOf(Vocabulary vocabulary) => vocabulary.Needed("--chat").Chat ?? throw new UsageException(
        "--chat needs a model that says how conversations are written: chat_template of its tokenizer_config.json, or "
            + "chat_template.jinja.");

    // Text for models with a tokenizer; ids separated by blanks or commas for those without.
    private int[] Encode(Settings settings, Vocabulary vocabulary, string text)
    {
        if (vocabulary.Tokenizer is { } tokenizer)
        {
            if (!settings.Get(chat)) return tokenizer.EncodePrompt(text);
            ChatMessage[] messages = settings.Get(system) is { } instruction
                ? [new("system", instruction), new("user", text)]
                : [new("user", text)];
            return ChatOf(vocabulary).Encode(Conversation.Of(messages), addGenerationPrompt: true).Ids;
        }

        string[] parts = text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        var ids = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]) || ids[i] >= vocabulary.Size)
            {
                throw new UsageException(
                    $"'{parts[i]}' is not a token id of this model, which has no tokenizer: prompts are ids from 0 to "
                        + $"{vocabulary.Size - 1}, such as \"1 17 204\". {vocabulary.WhyNone}");
            }
        }

        return ids.Length > 0 ? ids : throw new UsageException("the prompt is empty.");
    }

    private SamplingOptions Options(Settings settings) => new()
    {
        Temperature = (float)settings.Get(temperature),
        TopK = settings.Get(topK),
        TopP = (float)settings.Get(topP),
        MaxTokens = settings.Get(maxTokens),
        Seed = settings.Get(common.Seed),
    };

    // A conversation: each line is the user's next message, and the model sees all that was said before it.
    private int Talk(Settings settings, Terminal terminal, Transformer transformer, Vocabulary vocabulary, ResultFile results)
    {
        ChatFormat format = ChatOf(vocabulary);
        ChatMessage[] opening = settings.Get(system) is { } instruction ? [new("system", instruction)] : [];
        List<ChatMessage> said = [.. opening];
        ulong turns = 0;
        int positions = transformer.Config.MaxPositions;
        if (terminal.InIsTerminal) terminal.Say("Say something; /reset begins anew, /exit ends.");
        while (Ask(terminal) is { } line && line.Trim() is not ("/exit" or "/quit"))
        {
            if (line.Trim() == "/reset") said = [.. opening];
            if (line.Trim() is "" or "/reset") continue;
            said.Add(new ChatMessage("user", line));
            int[] ids = format.Encode(Conversation.Of(said), addGenerationPrompt: true).Ids;
            if (Sampler.Room(ids.Length, positions) == 0)
            {
                terminal.Say($"The conversation has {ids.Length} tokens, and the model's context {positions}: there is no room for an "
                    + "answer. /reset begins anew.");
                said.RemoveAt(said.Count - 1);
                continue;
            }

            var streamed = new StreamedText(vocabulary, settings.Get(json) ? TextWriter.Null : results.Writer);
            SampledResponse answer = Sampler.Generate(
                transformer, [ids], vocabulary.Ends, Options(settings) with { FirstStream = turns++ }, (_, id) =>
                    streamed.Add(id, terminal.Stop))[0];
            if (settings.Get(json)) Write(results.Writer, settings, vocabulary, new Prompt(ids, line), answer);
            else streamed.End();
            if (answer.ContextFull) terminal.Say("(The answer did not fit: the model's context is full. /reset begins anew.)");
            else if (!answer.Ended) terminal.Say($"(The answer was cut off at --max-tokens {settings.Get(maxTokens)}.)");
            said.Add(new ChatMessage("assistant", vocabulary.Show(vocabulary.Ends.Body(answer.Ids), continues: true)));
        }

        results.Keep();
        return ExitCode.Done;
    }

    private static string? Ask(Terminal terminal)
    {
        if (terminal.InIsTerminal) terminal.Error.Write("> ");
        return terminal.Stop.Await(() => terminal.In.ReadLine());
    }

    private void Write(TextWriter output, Settings settings, Vocabulary vocabulary, Prompt asked, SampledResponse response)
    {
        string shown = vocabulary.Show(response.Ids, continues: true), text = asked.Text ?? vocabulary.Show(asked.Ids);
        if (!settings.Get(json) && settings.Get(data) is null)
        {
            output.WriteLine(shown);
            return;
        }

        output.WriteLine(JsonSerializer.Serialize(
            new { prompt = text, response = shown, ids = response.Ids, logProb = response.LogProbs, ended = response.Ended },
            RunDirectory.Json));
    }
}
