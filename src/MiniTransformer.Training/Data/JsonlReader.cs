using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>
/// Demonstrations from JSONL, streamed, one a line in any of three forms:
/// <code>
/// {"prompt": "rev:abc=", "completion": "cba"}                          begin, prompt | completion, end
/// {"messages": [{"role": "user", "content": "..."}, ...]}              the last message, the assistant's, is the response (see ChatTemplate)
/// {"prompt_ids": [256, 97], "completion_ids": [98, 257]}               ids used as they are: no begin or end is added, no tokenizer is needed
/// </code>
/// A line may carry what responses are judged by: a right answer apart from the completion, "answer" or "gold", a text or a number, and a regular expression, "pattern".
/// UTF-8, with or without a byte order mark; lines end in LF or CRLF; blank lines are passed over. Whatever cannot be used is a
/// <see cref="DataException"/> with file, line and column.
/// </summary>
public static class JsonlReader
{
    /// <summary>The examples of a file, read as they are asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">Encodes text; null if all lines hold ids.</param>
    /// <param name="vocabSize">Ids must be smaller; the tokenizer's size if null.</param>
    /// <param name="heldOut">Whether nothing is learned from the lines: a right answer may then stand in for the completion.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Example> Read(string path, ITokenizer? tokenizer, int? vocabSize = null, bool heldOut = false)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file '{path}'.", path);
        return ReadFile(path, tokenizer, vocabSize, heldOut);
    }

    /// <summary>The examples of several files, one after another.</summary>
    /// <exception cref="FileNotFoundException">One of the files does not exist.</exception>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Example> Read(IEnumerable<string> paths, ITokenizer? tokenizer, int? vocabSize = null) =>
        paths.Select(path => Read(path, tokenizer, vocabSize)).ToArray().SelectMany(examples => examples);

    /// <summary>The examples of a stream, named <paramref name="file"/> in errors.</summary>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Example> Read(Stream stream, string file, ITokenizer? tokenizer, int? vocabSize = null, bool heldOut = false)
    {
        foreach (JsonlLine line in JsonlLine.ReadAll(stream, file)) yield return ReadExample(line, tokenizer, vocabSize ?? tokenizer?.VocabSize, heldOut);
    }

    /// <summary>Refuses ids that the vocabulary does not have, naming the field.</summary>
    internal static void CheckIds(JsonlRecord record, string field, int[] ids, int? vocabSize)
    {
        foreach (int id in ids)
        {
            if (id >= vocabSize) throw record.Error(field, $"token id {id} of '{field}' lies outside the vocabulary [0, {vocabSize}).");
        }
    }

    /// <summary>The tokenizer, which text needs.</summary>
    internal static ITokenizer Needed(ITokenizer? tokenizer, JsonlRecord record, string field) => tokenizer
        ?? throw record.Error(field, $"'{field}' is text, and there is no tokenizer to encode it; use 'prompt_ids' and 'completion_ids', which need none.");

    /// <summary>Refuses a prompt without a token, as an empty text is where the tokenizer has no begin token.</summary>
    internal static DataException Empty(JsonlRecord record, string field) =>
        record.Error(field, $"'{field}' is empty and the model has no begin token, so nothing predicts the first response token.");

    private static IEnumerable<Example> ReadFile(string path, ITokenizer? tokenizer, int? vocabSize, bool heldOut)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        foreach (Example example in Read(stream, path, tokenizer, vocabSize, heldOut)) yield return example;
    }

    private static Example ReadExample(JsonlLine line, ITokenizer? tokenizer, int? vocabSize, bool heldOut)
    {
        JsonlRecord record = new(line);
        string? answer = heldOut ? record.Gold : null;
        Example example;
        (string promptField, string responseField) = ("prompt", "completion");
        if (record.Messages is { } messages)
        {
            (promptField, responseField) = ("messages", "messages");
            if (answer is not null && messages is [.., { Role: not "assistant" }]) messages.Add(new ChatMessage("assistant", answer));
            if (messages is not [.., { Role: "assistant" }])
                throw record.Error("messages", "the last message must be the assistant's, for it is the response; " +
                    (messages.Count == 0 ? "there is no message." : $"it is the {messages[^1].Role}'s."));
            ITokenizer chat = Needed(tokenizer, record, "messages");
            if (chat.RoleId("assistant") is null)
                throw record.Error("messages", "this tokenizer has no chat role markers; use 'prompt' and 'completion' instead.");
            (int[] promptIds, int[] responseIds) = ChatTemplate.Encode(messages, chat);
            example = new(promptIds, responseIds, Transcript(messages.SkipLast(1)), messages[^1].Content, line.Source);
        }
        else if (record.PromptIds is not null || record.CompletionIds is not null)
        {
            (promptField, responseField) = ("prompt_ids", "completion_ids");
            int[] prompt = record.PromptIds ?? throw record.Missing("prompt_ids"), completion = record.CompletionIds
                ?? (answer is null ? throw record.Missing("completion_ids") : Needed(tokenizer, record, "prompt_ids").EncodeResponse(answer));
            if (prompt.Length == 0) throw record.Error("prompt_ids", "'prompt_ids' is empty, so nothing predicts the first response token; begin it with a begin token.");
            if (completion.Length == 0) throw record.Error("completion_ids", "'completion_ids' is empty, so no token of this line would carry loss.");
            example = new(prompt, completion, Source: line.Source);
        }
        else
        {
            string prompt = record.Prompt ?? throw record.Missing("prompt"), completion = record.Completion ?? answer ?? throw record.Missing("completion");
            example = Example.FromText(prompt, completion, Needed(tokenizer, record, "prompt"), line.Source);
            if (example.PromptIds.Length == 0) throw Empty(record, "prompt");
        }

        CheckIds(record, promptField, example.PromptIds, vocabSize);
        CheckIds(record, responseField, example.ResponseIds, vocabSize);
        return record.Pattern is null && record.Gold is null ? example : example with { Pattern = record.Pattern, Gold = record.Gold };
    }

    /// <summary>A conversation as people read it; the tokens are made from the messages, never from this.</summary>
    internal static string Transcript(IEnumerable<ChatMessage> messages) => string.Join('\n', messages.Select(m => $"{m.Role}: {m.Content}"));
}
