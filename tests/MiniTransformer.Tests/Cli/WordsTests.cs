using System.Text.RegularExpressions;
using MiniTransformer.Cli;

namespace MiniTransformer.Tests.Cli;

/// <summary>Every text of the product that names a flag: only the tool does, and only flags that it has.</summary>
public sealed partial class WordsTests
{
    private static string[] Known { get; } =
        [.. CommandLine.Commands.SelectMany(c => c.Command.Options).Select(o => o.Name).Concat(["--help", "--version"]).Distinct()];

    [Fact]
    public void The_tool_names_no_flag_that_no_command_has()
    {
        string[] unknown = [.. Flags("src/MiniTransformer.Cli").Where(f => !Known.Contains(f.Flag)).Select(f => $"{f.Place}: {f.Flag}")];
        Assert.True(unknown.Length == 0, string.Join('\n', unknown));
        Assert.True(Flags("src/MiniTransformer.Cli").Select(f => f.Flag).Distinct().Count() > 80);
    }

    [Theory]
    [InlineData("src/MiniTransformer")]
    [InlineData("src/MiniTransformer.Training")]
    [InlineData("src/MiniTransformer.Lab")]
    [InlineData("kernels")]
    public void A_library_names_no_flag_at_all(string folder)
    {
        string[] named = [.. Flags(folder).Select(f => $"{f.Place}: {f.Flag}")];
        Assert.True(named.Length == 0, string.Join('\n', named));
    }

    [Theory]
    [InlineData("""throw new E($"lower --batch-size {n}"); // --not-this""", "--batch-size")]
    [InlineData(""""var s = """give --this, or "--that" """;"""", "--this,--that")]
    [InlineData("""char c = '"'; int i = 1; i--; string s = "var(--ink); --axis:#111; --v{key}:x";""", "")]
    public void A_flag_is_found_in_literals_and_only_there(string source, string flags) =>
        Assert.Equal(flags.Split(',', StringSplitOptions.RemoveEmptyEntries), FlagsOf(source));

    private static IEnumerable<(string Place, string Flag)> Flags(string folder) =>
        from path in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
        where !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")
        from flag in FlagsOf(File.ReadAllText(path))
        select (Path.GetRelativePath(Repository.Root, path), flag);

    // Custom properties of style sheets look alike: they stand in var( ), or before a colon.
    private static IEnumerable<string> FlagsOf(string source) =>
        from literal in LiteralPattern().Matches(source)
        where literal.Value.Contains('"', StringComparison.Ordinal) && !literal.Value.StartsWith('/') && !literal.Value.StartsWith('\'')
        from flag in FlagPattern().Matches(StylePattern().Replace(literal.Value, ""))
        select flag.Value;

    [GeneratedRegex("//[^\n]*|/\\*.*?\\*/|\\$*\"\"\"+.*?\"\"\"+|@?\\$?\"(?:\\\\.|[^\"\\\\\n])*\"|'(?:\\\\.|[^'\\\\])'",
        RegexOptions.Singleline)]
    private static partial Regex LiteralPattern();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z0-9-]+")]
    private static partial Regex FlagPattern();

    [GeneratedRegex(@"var\(--[\w{}-]*|--[\w{}-]+:(?=\S)")]
    private static partial Regex StylePattern();
}
