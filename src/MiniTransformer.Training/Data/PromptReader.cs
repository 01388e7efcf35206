using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>
/// Prompts from JSONL, in the forms of <see cref="JsonlReader"/> without the response: {"prompt"}, {"messages"}, {"conversations"} or
/// {"prompt_ids"}. A response that is there (a completion, a last message of the assistant) is left out, so a file of demonstrations serves
/// as a file of prompts.
/// </summary>
public static class PromptReader
{
    /// <summary>The prompts of a file, read as they are asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">Encodes text; null if all lines hold ids.</param>
    /// <param name="vocabSize">Ids must be smaller; the tokenizer's size if null.</param>
    /// <param name="say">Is told of columns that are not read.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Prompt> Read(string path, ITokenizer? tokenizer, int? vocabSize = null, Action<string>? say = null)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file '{path}'.", path);
        return ReadFile(path, tokenizer, vocabSize, say);
    }

    /// <summary>The prompts of a stream, named <paramref name="file"/> in errors.</summary>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that cannot be used.</exception>
    public static IEnumerable<Prompt> Read(Stream stream, string file, ITokenizer? tokenizer, int? vocabSize = null,
        Action<string>? say = null)
    {
        UnreadColumns unread = new();
        foreach (JsonlLine line in JsonlLine.ReadAll(stream, file))
        {
            JsonlRecord record = new(line);
            unread.Add(record.Unread);
            yield return ReadPrompt(record, line, tokenizer, vocabSize ?? tokenizer?.VocabSize);
        }

        unread.Tell(file, say);
    }

    /// <summary>
    /// Prompts in plain text, one a line, with their places ("file:line"): lines that are not empty, without their LF or CRLF. A byte order
    /// mark at the start is dropped.
    /// </summary>
    /// <exception cref="DataException">Thrown while enumerating, at the first line that is not UTF-8.</exception>
    public static IEnumerable<(string Text, string Source)> ReadText(Stream stream, string file)
    {
        foreach (JsonlLine line in JsonlLine.ReadAll(stream, file, blank: true))
        {
            line.CheckUtf8();
            byte[] text = line.Text;
            yield return (System.Text.Encoding.UTF8.GetString(text, 0, text is [.., (byte)'\r'] ? text.Length - 1 : text.Length),
                line.Source);
        }
    }

    private static IEnumerable<Prompt> ReadFile(string path, ITokenizer? tokenizer, int? vocabSize, Action<string>? say)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        foreach (Prompt prompt in Read(stream, path, tokenizer, vocabSize, say)) yield return prompt;
    }

    private static Prompt ReadPrompt(JsonlRecord record, JsonlLine line, ITokenizer? tokenizer, int? vocabSize)
    {
        string field;
        Prompt prompt;
        if (record.Chat is { } chat)
        {
            field = record.ChatField;
            int asked = record.PromptMessages > 0 ? record.PromptMessages : chat.Messages.Count;
            if (record.PromptMessages == 0 && asked > 0 && chat.RoleOf(asked - 1) == "assistant") asked--;
            if (asked == 0) throw record.Error(field, "there is no message to answer.");
            Conversation question = chat with { Messages = [.. chat.Messages.Take(asked)] };
            prompt = new(JsonlReader.Encode(record, question, tokenizer, addGenerationPrompt: true).Ids,
                JsonlReader.Transcript(chat, asked), line.Source);
        }
        else if (record.PromptIds is { } ids)
        {
            field = "prompt_ids";
            if (ids.Length == 0)
            {
                throw record.Error(field, "'prompt_ids' is empty, so there is nothing to continue; begin it with a begin token.");
            }
            prompt = new(ids, Source: line.Source);
        }
        else
        {
            field = "prompt";
            string text = record.Prompt ?? throw record.Missing(record.CompletionIds is null ? "prompt" : "prompt_ids");
            ITokenizer encoder = JsonlReader.Needed(tokenizer, record, field);
            prompt = new(encoder.EncodePrompt(text), text, line.Source);
        }

        if (prompt.Ids.Length == 0) throw JsonlReader.Empty(record, field);
        JsonlReader.CheckIds(record, field, prompt.Ids, vocabSize);
        return prompt;
    }
}
