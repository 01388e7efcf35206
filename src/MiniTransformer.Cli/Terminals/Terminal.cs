using System.Globalization;
using MiniTransformer.Lab;
using Spectre.Console;

namespace MiniTransformer.Cli.Terminals;

/// <summary>Where a command writes and what may stop it: results go to standard output, messages and progress to standard error.</summary>
internal sealed class Terminal
{
    // Columns that a row's name needs at least; a longer one may be broken at its blanks.
    private const int NarrowestName = 16;

    // Between two columns, and around them, where there is room.
    private const int RoomyGap = 3;

    private readonly IAnsiConsole results;

    /// <summary>The terminal of these streams.</summary>
    public Terminal(TextWriter output, TextWriter error, Stream input, CancellationToken stop)
    {
        (Out, Error, InBytes, Stop) = (output, error, input, stop);
        OutIsTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        ErrorIsTerminal = ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected;
        InIsTerminal = ReferenceEquals(error, Console.Error) && !Console.IsInputRedirected;
        results = ConsoleOn(output);
        Messages = ConsoleOn(error);
    }

    /// <summary>Standard output.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>Standard input as bytes, for text that is decoded strictly, by whoever knows the line.</summary>
    public Stream InBytes { get; }

    /// <summary>Standard input as somebody types it.</summary>
    public TextReader In => field ??= InIsTerminal ? Console.In : new StreamReader(InBytes);

    /// <summary>Set by Ctrl+C: keep what was done and leave.</summary>
    public CancellationToken Stop { get; }

    /// <summary>Whether people read the results as they come.</summary>
    public bool OutIsTerminal { get; }

    /// <summary>Whether people read the messages as they come.</summary>
    public bool ErrorIsTerminal { get; }

    /// <summary>Whether somebody would have to type the input.</summary>
    public bool InIsTerminal { get; }

    /// <summary>Standard error, for progress bars.</summary>
    public IAnsiConsole Messages { get; }

    /// <summary>A message.</summary>
    public void Say(string text) => Error.WriteLine(text);

    /// <summary>A line of results.</summary>
    public void Print(string text) => Out.WriteLine(text);

    /// <summary>A table of results: fitted to the screen, or whole and in Markdown where it goes to a file or another program.</summary>
    public void Print(ReportTable table)
    {
        if (!OutIsTerminal)
        {
            Out.Write(table.ToMarkdown());
            return;
        }

        Write(results, table);
    }

    /// <summary>A table on a screen.</summary>
    internal static void Write(IAnsiConsole screen, ReportTable table)
    {
        // A number broken over two lines cannot be read: where columns do not fit, not even close together, each row becomes a block of
        // lines.
        int[] widths = [.. table.Headers.Select((header, c) => table.Rows.Select(row => Cells(row[c].Text)).Append(Cells(header)).Max())];
        bool roomy = widths.Sum() + RoomyGap * widths.Length <= screen.Profile.Width;
        if (!roomy && widths.Skip(1).Sum() + widths.Length + 1 + Math.Min(widths[0], NarrowestName) > screen.Profile.Width)
        {
            screen.WriteLine(table.Title);
            foreach (IReadOnlyList<ReportCell> row in table.Rows)
            {
                screen.WriteLine(row[0].Text);
                for (int c = 1; c < row.Count; c++) screen.WriteLine($"  {table.Headers[c]}: {row[c].Text}");
            }

            if (table.Note is { } remark) screen.WriteLine(remark);
            return;
        }

        var grid = new Table().Border(TableBorder.Simple).Title(Markup.Escape(table.Title), new Style(decoration: Decoration.Bold));
        for (int c = 0; c < table.Headers.Count; c++)
        {
            var column = new TableColumn(Markup.Escape(table.Headers[c]));
            if (!roomy) column.Padding = new Padding(0, 0);
            grid.AddColumn(c == 0 ? column : column.RightAligned().NoWrap());
        }

        foreach (IReadOnlyList<ReportCell> row in table.Rows)
            grid.AddRow([.. row.Select(cell => new Spectre.Console.Text(cell.Text, StyleOf(cell.Outcome)))]);
        screen.Write(grid);
        if (table.Note is { } note) screen.WriteLine(note);
    }

    /// <summary>Text in pieces, each on a background of its own where the output can show it.</summary>
    public void PrintColoured(IEnumerable<(string Text, Color? Background)> pieces)
    {
        foreach ((string text, Color? background) in pieces)
        {
            if (OutIsTerminal && background is { } colour) results.Write(new Spectre.Console.Text(text, new Style(Color.Black, colour)));
            else Out.Write(text);
        }

        Out.WriteLine();
    }

    // Columns of the screen: r̂ is two code points and one column.
    private static int Cells(string text) => new StringInfo(text).LengthInTextElements;

    private static Style StyleOf(Outcome outcome) => outcome switch
    {
        Outcome.Better => new Style(Color.Blue, decoration: Decoration.Bold),
        Outcome.Worse => new Style(Color.Olive, decoration: Decoration.Bold),
        _ => Style.Plain,
    };

    // Spectre honours NO_COLOR; COLUMNS is what a user sets for a narrow screen.
    private static IAnsiConsole ConsoleOn(TextWriter writer)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && width > 0)
            console.Profile.Width = Math.Max(20, width);
        return console;
    }
}
