
namespace MiniTransformer.Cli.Runs;

/// <summary>
/// A response's text as its tokens come: what can still change with the next token, such as half of a character, waits for it.
/// </summary>
internal sealed class StreamedText(Vocabulary vocabulary, TextWriter output)
{
    private readonly List<int> ids = [];
    private string written = "";

    /// <summary>Takes a token.</summary>
    public void Add(int id, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        if (vocabulary.Ends.Contains(id)) return;
        ids.Add(id);
        Write(vocabulary.Show(ids.ToArray(), continues: true).TrimEnd('\uFFFD'));
    }

    /// <summary>Writes what has waited, and ends the line.</summary>
    public void End()
    {
        Write(vocabulary.Show(ids.ToArray(), continues: true));
        output.WriteLine();
        output.Flush();
    }

    private void Write(string text)
    {
        if (text.Length <= written.Length || !text.StartsWith(written, StringComparison.Ordinal)) return;
        output.Write(text[written.Length..]);
        output.Flush();
        written = text;
    }
}
