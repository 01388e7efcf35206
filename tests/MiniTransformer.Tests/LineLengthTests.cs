namespace MiniTransformer.Tests;

/// <summary>A line of at most .editorconfig's max_line_length is read without scrolling, on paper and beside another file.</summary>
public class LineLengthTests
{
    private const int Longest = 140;

    [Theory]
    [InlineData("kernels")]
    [InlineData("src")]
    [InlineData("benchmarks")]
    public void Lines_have_at_most_140_columns(string folder) => Assert.Empty(Longer(folder));

    /// <summary>Tests may hold text as it is in a file, such as JSON: a line with a literal may be longer.</summary>
    [Fact]
    public void Lines_of_tests_have_too_but_for_literals() => Assert.All(Longer("tests"), line => Assert.Contains("\"", line));

    [Fact]
    public void The_limit_is_that_of_the_editors() =>
        Assert.Contains($"max_line_length = {Longest}", File.ReadAllLines(Path.Combine(Repository.Root, ".editorconfig")));

    private static IEnumerable<string> Longer(string folder) =>
        from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
        let path = Path.GetRelativePath(Repository.Root, file)
        where !path.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin")
        from line in File.ReadLines(file).Select((text, i) => (text, number: i + 1))
        where line.text.EnumerateRunes().Count() > Longest
        select $"{path}:{line.number}: {line.text}";
}
