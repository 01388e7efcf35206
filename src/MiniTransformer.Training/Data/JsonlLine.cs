using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace MiniTransformer.Data;

/// <summary>One line of a JSONL file, its bytes and its place, so that whatever is wrong in it can be pointed at.</summary>
internal sealed class JsonlLine(string file, long number, byte[] text)
{
    private const int LongestLine = 1 << 23;

    public byte[] Text => text;

    public string Source => $"{file}:{number}";

    /// <summary>The lines of a stream that are not blank; a byte order mark at its start is dropped.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="file">What errors call it.</param>
    /// <param name="blank">Whether lines of white space alone are lines too, for text that is not JSON; empty ones never are.</param>
    public static IEnumerable<JsonlLine> ReadAll(Stream stream, string file, bool blank = false)
    {
        byte[] chunk = new byte[1 << 16];
        MemoryStream line = new();
        long number = 1;
        int read;
        while ((read = stream.Read(chunk, 0, chunk.Length)) > 0)
        {
            for (int start = 0; start < read;)
            {
                int newline = Array.IndexOf(chunk, (byte)'\n', start, read - start);
                int stop = newline < 0 ? read : newline;
                line.Write(chunk, start, stop - start);
                if (line.Length > LongestLine)
                    throw new DataException(file, number, 0,
                        $"the line is longer than {LongestLine >> 20} MiB, the most that is read of one; is this a JSONL file, one record "
                            + "a line?");
                start = stop + 1;
                if (newline < 0) continue;
                if (Take(line, file, number, blank) is JsonlLine taken) yield return taken;
                number++;
            }
        }

        if (Take(line, file, number, blank) is JsonlLine last) yield return last;
    }

    /// <summary>An error at the character that the byte belongs to.</summary>
    public DataException Error(long at, string message, Exception? inner = null)
    {
        int prefix = (int)Math.Clamp(at, 0, text.Length);
        return new DataException(file, number, Encoding.UTF8.GetCharCount(text, 0, prefix) + 1, message, inner);
    }

    /// <summary>An error about the line as a whole, at its first character that is not white space.</summary>
    public DataException Error(string message) => Error(Array.FindIndex(text, b => !IsWhiteSpace(b)), message);

    /// <summary>An error of the JSON reader, without the position that its own message repeats.</summary>
    public DataException Error(JsonException e)
    {
        int tail = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string reason = tail < 0 ? e.Message : e.Message[..tail];
        return Error(e.BytePositionInLine ?? 0, $"not valid JSON: {reason}", e);
    }

    /// <summary>Refuses bytes that are not UTF-8, which would otherwise be read as replacement characters.</summary>
    public void CheckUtf8()
    {
        if (Utf8.IsValid(text)) return;
        int at = 0;
        while (at < text.Length && Rune.DecodeFromUtf8(text.AsSpan(at), out _, out int used) == System.Buffers.OperationStatus.Done)
        {
            at += used;
        }
        bool utf16 = number == 1 && text is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..];
        throw Error(at, $"byte 0x{text[at]:X2} is not valid UTF-8" + (utf16 ? "; the file looks like UTF-16: save it as UTF-8" : ""));
    }

    private static JsonlLine? Take(MemoryStream line, string file, long number, bool blank)
    {
        byte[] bytes = line.ToArray();
        line.SetLength(0);
        if (number == 1 && bytes is [0xEF, 0xBB, 0xBF, ..]) bytes = bytes[3..];
        return bytes is [] or [(byte)'\r'] || (!blank && Array.TrueForAll(bytes, IsWhiteSpace)) ? null : new JsonlLine(file, number, bytes);
    }

    private static bool IsWhiteSpace(byte b) => b is (byte)' ' or (byte)'\t' or (byte)'\r';
}
