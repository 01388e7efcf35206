using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>What training sees of a line of data: the text as it is rendered, its tokens, and which of them carry loss.</summary>
/// <param name="Text">The text: of a conversation as its template writes it; of ids, their text where there is a tokenizer.</param>
/// <param name="Ids">The tokens.</param>
/// <param name="Loss">Whether each of them carries loss.</param>
/// <param name="Source">The line, as "file:line".</param>
public sealed record SeenLine(string Text, int[] Ids, bool[] Loss, string Source)
{
    /// <summary>
    /// The lines of a file in the forms of <see cref="JsonlReader"/>; besides, {"text"} gives the tokens that Hugging Face's encode gives,
    /// and prompts without a response, conversations with "add_generation_prompt" among them, are shown as they are asked.
    /// </summary>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<SeenLine> Read(string path, ITokenizer? tokenizer, JsonlOptions? options = null)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file '{path}'.", path);
        return ReadFile(path, tokenizer, options);
    }

    private static IEnumerable<SeenLine> ReadFile(string path, ITokenizer? tokenizer, JsonlOptions? options)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        UnreadColumns unread = new();
        foreach (JsonlLine line in JsonlLine.ReadAll(stream, path))
        {
            JsonlRecord record = new(line);
            unread.Add(record.Unread);
            yield return Of(record, line, tokenizer, options?.LastTurnOnly ?? false);
        }

        unread.Tell(path, options?.Say);
    }

    private static SeenLine Of(JsonlRecord record, JsonlLine line, ITokenizer? tokenizer, bool lastTurnOnly)
    {
        if (record.Chat is { } chat)
        {
            ChatTokens tokens = JsonlReader.Encode(record, chat, tokenizer, record.AddGenerationPrompt ?? false);
            ChatTurn[] turns = [.. tokens.Turns.Where(turn => turn.Message >= record.PromptMessages)];
            bool[] loss = new bool[tokens.Ids.Length];
            foreach (ChatTurn turn in lastTurnOnly ? turns.TakeLast(1) : turns) loss.AsSpan(turn.Start, turn.End - turn.Start).Fill(true);
            if (loss.Length > 0) loss[0] = false;  // nothing predicts it
            return new SeenLine(tokens.Text, tokens.Ids, loss, line.Source);
        }

        if (record.PromptIds is not null || record.CompletionIds is not null)
        {
            int[] prompt = record.PromptIds ?? throw record.Missing("prompt_ids"), completion = record.CompletionIds ?? [];
            JsonlReader.CheckIds(record, "prompt_ids", prompt, tokenizer?.VocabSize);
            if (completion.Length > 0) JsonlReader.CheckIds(record, "completion_ids", completion, tokenizer?.VocabSize);
            int[] all = [.. prompt, .. completion];
            return Answered(tokenizer?.Decode(all) ?? string.Join(' ', all), prompt, completion, line);
        }

        if (record.WholeText is { } text)
        {
            int[] ids = JsonlReader.Needed(tokenizer, record, "text").EncodeWhole(text);
            return Answered(text, ids, [], line);
        }

        string asked = record.Prompt ?? throw record.Missing("prompt");
        ITokenizer encoder = JsonlReader.Needed(tokenizer, record, "prompt");
        return Answered(asked + record.Completion, encoder.EncodePrompt(asked),
            record.Completion is { } answer ? encoder.EncodeResponse(answer) : [], line);
    }

    private static SeenLine Answered(string text, int[] prompt, int[] response, JsonlLine line) =>
        new(text, [.. prompt, .. response], [.. prompt.Select(_ => false), .. response.Select(_ => true)], line.Source);
}
