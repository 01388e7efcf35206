using System.Text.RegularExpressions;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Readme;

public partial class ReadmeTests
{
    private static readonly string Root = Repository.Root;
    private static readonly string Text = File.ReadAllText(Path.Combine(Root, "README.md"));

    [Fact]
    public void The_library_example_is_the_code_that_is_compiled_here()
    {
        string source = File.ReadAllText(Path.Combine(Root, "tests", "MiniTransformer.Tests", "Readme", "LibraryUse.cs"));
        string compiled = Between(source, "// <README>\n", "// </README>"), printed = Between(Text, "```csharp\n", "```");

        Assert.Equal(compiled, printed);
    }

    [Fact]
    public void The_library_example_runs()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "demonstrations.jsonl");
        ITask task = BuiltIn.Parse("upper")[0];
        var rng = new Rng(1);
        File.WriteAllLines(path, Enumerable.Range(0, 200).Select(_ => task.NewPrompt(rng))
            .Select(p => $$"""{"prompt":"{{p}}","completion":"{{task.Answer(p)}}"}"""));
        var printed = new List<string>();

        LibraryUse.Run(path, printed.Add);

        Assert.Equal(12, printed.Count);
        Assert.StartsWith("update 10: reward ", printed[10], StringComparison.Ordinal);
        Assert.StartsWith("upp:", printed[11], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_relative_link_of_every_page_leads_somewhere()
    {
        string[] pages = [.. Directory.EnumerateFiles(Root, "*.md", SearchOption.AllDirectories)
            .Where(p => !p.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}", StringComparison.Ordinal))];
        Assert.NotEmpty(pages);
        string[] broken =
        [
            .. from page in pages
               from Match link in Link().Matches(File.ReadAllText(page))
               let target = link.Groups[1].Value.Split('#')[0]
               where target.Length > 0 && !target.StartsWith("http", StringComparison.Ordinal)
               where !Path.Exists(Path.Combine(Path.GetDirectoryName(page)!, target))
               select $"{Path.GetRelativePath(Root, page)}: {target}",
        ];

        Assert.Empty(broken);
    }

    [Fact]
    public void Every_command_line_names_a_command_and_flags_that_exist()
    {
        string tool = File.ReadAllText(Path.Combine(Root, "src", "MiniTransformer.Cli", "README.md"));
        string[] commands = [.. CommandLine().Matches(Text + tool).Select(m => m.Groups[1].Value.Trim())];
        Assert.True(commands.Length > 20, $"only {commands.Length} command lines were found");
        foreach (string command in commands)
        {
            string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string help = Help(words[0]);
            foreach (string flag in words.Where(w => w.StartsWith("--", StringComparison.Ordinal)))
            {
                Assert.Contains(flag, help, StringComparison.Ordinal);
            }
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^(?:dotnet run --project src/MiniTransformer\.Cli --|minitransformer) (?!--)([^#|>\n]*)", RegexOptions.Multiline)]
    private static partial Regex CommandLine();

    private static string Help(string command)
    {
        var output = new StringWriter();
        int code = MiniTransformer.Cli.CommandLine.Run([command, "--help"], output, new StringWriter());
        Assert.True(code == 0, $"'{command} --help' ended with exit code {code}.");
        return output.ToString();
    }

    private static string Between(string text, string start, string end)
    {
        text = text.ReplaceLineEndings("\n");
        int from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }
}
