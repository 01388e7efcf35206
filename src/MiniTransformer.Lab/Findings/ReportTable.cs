using System.Globalization;
using System.Text;

namespace MiniTransformer.Lab;

/// <summary>A cell of a table.</summary>
/// <param name="Text">What it shows.</param>
/// <param name="Hint">A longer form for those who ask (hover in HTML); left out in Markdown.</param>
/// <param name="Outcome">For a difference: which way it goes.</param>
public sealed record ReportCell(string Text, string? Hint = null, Outcome Outcome = Outcome.Unmeasured)
{
    /// <summary>A cell of plain text.</summary>
    public static implicit operator ReportCell(string text) => new(text);
}

/// <summary>A table: the first column names the row, the others hold numbers.</summary>
/// <param name="Title">What the table shows.</param>
/// <param name="Headers">One for each column.</param>
/// <param name="Rows">One list of cells for each row, as many as there are headers.</param>
/// <param name="Note">How to read it.</param>
public sealed record ReportTable(
    string Title, IReadOnlyList<string> Headers, IReadOnlyList<IReadOnlyList<ReportCell>> Rows, string? Note = null)
{
    /// <summary>The table in Markdown, with columns padded so that it reads well on a console too.</summary>
    public string ToMarkdown()
    {
        int columns = Headers.Count;
        var lines = new List<string[]> { Headers.Select(Escape).ToArray() };
        foreach (IReadOnlyList<ReportCell> row in Rows)
        {
            if (row.Count != columns)
            {
                throw new InvalidOperationException(
                    $"ReportTable '{Title}': a row has {row.Count} cells, but there are {columns} headers.");
            }

            lines.Add(row.Select(cell => Escape(cell.Text)).ToArray());
        }

        int[] widths = new int[columns];
        for (int c = 0; c < columns; c++) widths[c] = Math.Max(4, lines.Max(line => Width(line[c])));

        var text = new StringBuilder();
        if (Title.Length > 0) text.Append("**").Append(Title).Append("**\n\n");
        AppendLine(lines[0]);
        text.Append('|');
        for (int c = 0; c < columns; c++)
        {
            text.Append(c == 0 ? $" {new string('-', widths[c])} |" : $" {new string('-', widths[c] - 1)}: |");
        }
        text.Append('\n');
        foreach (string[] line in lines.Skip(1)) AppendLine(line);
        if (Note is not null) text.Append('\n').Append(Note).Append('\n');
        return text.ToString();

        void AppendLine(string[] cells)
        {
            text.Append('|');
            for (int c = 0; c < columns; c++)
            {
                string padding = new(' ', widths[c] - Width(cells[c]));
                text.Append(c == 0 ? $" {cells[c]}{padding} |" : $" {padding}{cells[c]} |");
            }

            text.Append('\n');
        }
    }

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    // Columns on a console: r̂ is two code points and one column.
    private static int Width(string text) => new StringInfo(text).LengthInTextElements;
}
