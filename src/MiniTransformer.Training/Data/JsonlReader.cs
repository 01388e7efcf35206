using MiniTransformer.Text;
using MiniTransformer.Text.Jinja;

namespace MiniTransformer.Data;

/// <summary>
/// Demonstrations from JSONL, streamed, one a line in any of these forms:
/// <code>
/// {"prompt": "rev:abc=", "completion": "cba"}                          begin, prompt | completion, end
/// {"messages": [{"role": "user", "content": "..."}, ...]}              the assistant's turns carry loss, the last one is the response (see
/// ChatFormat) {"prompt": [messages], "completion": [messages]}                     the same, and loss on the completion's turns alone
/// {"conversations": [{"from": "human", "value": "..."}, ...]}          ShareGPT's form of messages
/// {"prompt_ids": [256, 97], "completion_ids": [98, 257]}               ids used as they are: no begin or end is added, no tokenizer is
/// needed
/// </code>
/// A conversation may have "tools" and "chat_template_kwargs", which its template reads; other columns are
/// not read.
/// A line may carry what responses are judged by: a right answer apart from the completion, "answer" or "gold", a text or a number, and a
/// regular expression, "pattern". UTF-8, with or without a byte order mark; lines end in LF or CRLF; blank lines are passed over. Whatever
/// cannot be used is a <see cref="DataException"/> with file, line and column.
/// </summary>
public static class JsonlReader
{
    /// <summary>The examples of a file, read as they are asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">Encodes text; null if all lines hold ids.</param>
    /// <param name="vocabSize">Ids must be smaller; the tokenizer's size if null.</param>
    /// <param name="options">Which turns carry loss, and who is told of columns that are not read.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Example> Read(string path, ITokenizer? tokenizer, int? vocabSize = null, JsonlOptions? options = null)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file '{path}'.", path);
        return ReadFile(path, tokenizer, vocabSize, options);
    }

    /// <summary>The examples of a stream, named <paramref name="file"/> in errors.</summary>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Example> Read(Stream stream, string file, ITokenizer? tokenizer, int? vocabSize = null,
        JsonlOptions? options = null)
    {
        UnreadColumns unread = new();
        foreach (JsonlLine line in JsonlLine.ReadAll(stream, file))
        {
            JsonlRecord record = new(line);
            unread.Add(record.Unread);
            yield return ReadExample(record, line, tokenizer, vocabSize ?? tokenizer?.VocabSize, options);
        }

        unread.Tell(file, options?.Say);
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
        ?? throw record.Error(field,
            $"'{field}' is text, and there is no tokenizer to encode it; use 'prompt_ids' and 'completion_ids', which need none.");

    /// <summary>Refuses a prompt without a token, as an empty text is where the tokenizer has no begin token.</summary>
    internal static DataException Empty(JsonlRecord record, string field) =>
        record.Error(field, $"'{field}' is empty and the model has no begin token, so nothing predicts the first response token.");

    private static IEnumerable<Example> ReadFile(string path, ITokenizer? tokenizer, int? vocabSize, JsonlOptions? options)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        foreach (Example example in Read(stream, path, tokenizer, vocabSize, options)) yield return example;
    }

    /// <summary>The conversation as tokens.</summary>
    internal static ChatTokens Encode(JsonlRecord record, Conversation chat, ITokenizer? tokenizer, bool addGenerationPrompt)
    {
        ChatFormat format = Needed(tokenizer, record, record.ChatField).Chat ?? throw record.Error(record.ChatField,
            "this tokenizer has no chat template (chat_template of tokenizer_config.json, or chat_template.jinja); use 'prompt' and "
                + "'completion' instead.");
        try
        {
            return format.Encode(chat, addGenerationPrompt);
        }
        catch (Exception e) when (e is JinjaException or ArgumentException)
        {
            throw record.Error(record.ChatField, e.Message);
        }
    }

    private static Example ReadExample(JsonlRecord record, JsonlLine line, ITokenizer? tokenizer, int? vocabSize, JsonlOptions? options)
    {
        string? answer = options?.HeldOut == true ? record.Gold : null;
        Example example;
        (string promptField, string responseField) = ("prompt", "completion");
        if (record.Chat is { } chat)
        {
            (promptField, responseField) = (record.ChatField, record.ChatField);
            int last = chat.Messages.Count - 1;
            if (answer is not null && last >= 0 && chat.RoleOf(last) != "assistant")
                chat = chat with { Messages = [.. chat.Messages, .. Conversation.Of([new("assistant", answer)]).Messages] };
            last = chat.Messages.Count - 1;
            if (last < record.PromptMessages || chat.RoleOf(last) != "assistant")
                throw record.Error(record.ChatField, "the last message must be the assistant's, for it is the response; " +
                    (last < record.PromptMessages ? "there is no message." : $"it is the {chat.RoleOf(last)}'s."));
            Example? read = Example.FromChat(
                Encode(record, chat, tokenizer, addGenerationPrompt: false), tokenizer!.Tokens.Ends, options?.LastTurnOnly
                    ?? false, record.PromptMessages);
            example = (read
                ?? throw record.Error(record.ChatField,
                    "the chat template writes nothing for the assistant, so no token of this line would carry loss."))
                with
            { Prompt = Transcript(chat, last), Response = chat.TextOf(last), Source = line.Source };
        }
        else if (record.PromptIds is not null || record.CompletionIds is not null)
        {
            (promptField, responseField) = ("prompt_ids", "completion_ids");
            int[] prompt = record.PromptIds ?? throw record.Missing("prompt_ids"), completion = record.CompletionIds
                ?? (answer is null
                    ? throw record.Missing("completion_ids")
                    : Needed(tokenizer, record, "prompt_ids").EncodeResponse(answer));
            if (prompt.Length == 0)
            {
                throw record.Error("prompt_ids",
                    "'prompt_ids' is empty, so nothing predicts the first response token; begin it with a begin token.");
            }
            if (completion.Length == 0)
            {
                throw record.Error("completion_ids", "'completion_ids' is empty, so no token of this line would carry loss.");
            }
            example = new(prompt, completion, Source: line.Source);
        }
        else
        {
            if (record.WholeText is not null)
            {
                throw record.Error("text", "'text' has no response to learn; give 'prompt' and 'completion'.");
            }
            string prompt = record.Prompt ?? throw record.Missing("prompt"), completion = record.Completion ?? answer
                ?? throw record.Missing("completion");
            example = Example.FromText(prompt, completion, Needed(tokenizer, record, "prompt"), line.Source);
            if (example.PromptIds.Length == 0) throw Empty(record, "prompt");
        }

        CheckIds(record, promptField, example.PromptIds, vocabSize);
        CheckIds(record, responseField, example.ResponseIds, vocabSize);
        return record.Pattern is null && record.Gold is null ? example : example with { Pattern = record.Pattern, Gold = record.Gold };
    }

    /// <summary>A conversation's first messages as people read them; the tokens are made from the messages, never from this.</summary>
    internal static string Transcript(Conversation chat, int count) =>
        string.Join('\n', Enumerable.Range(0, count).Select(i => $"{chat.RoleOf(i)}: {chat.TextOf(i)}"));
}
