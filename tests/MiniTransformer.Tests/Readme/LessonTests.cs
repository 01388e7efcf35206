namespace MiniTransformer.Tests.Readme;

/// <summary>The lessons are run by .ci/lessons; here is what is cheap to hold.</summary>
public class LessonTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "src", "Lessons");

    private static readonly string[] Lessons = [.. Directory.GetFiles(Folder, "*.cs").Select(path => Path.GetFileName(path)!)
        .Where(name => char.IsDigit(name[0])).Order()];

    [Fact]
    public void Every_lesson_is_on_the_course_page_in_its_order_and_no_other()
    {
        string[] rows = [.. File.ReadAllLines(Path.Combine(Folder, "README.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && char.IsDigit(line[2]))];
        Assert.NotEmpty(Lessons);
        Assert.Equal(Lessons, rows.Select(row => row.Split("](")[1].Split(')')[0]));
        Assert.Equal(Enumerable.Range(1, Lessons.Length),
            rows.Select(row => int.Parse(row.Split('|')[1], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Every_lesson_has_its_expected_output_and_no_output_has_lost_its_lesson() =>
        Assert.Equal(Lessons.Select(name => Path.ChangeExtension(name, ".txt")), Directory.GetFiles(Path.Combine(Folder, "expected"))
            .Select(path => Path.GetFileName(path)!).Order());

    [Fact]
    public void A_lesson_has_at_most_80_lines_of_fewer_than_140_columns_and_begins_with_its_number_and_name()
    {
        foreach (string name in Lessons)
        {
            string[] lines = File.ReadAllLines(Path.Combine(Folder, name));
            Assert.True(lines.Length <= 80, $"{name} has {lines.Length} lines");
            Assert.All(lines, line => Assert.True(line.Length < 140, $"{name}: {line.Length} columns: {line}"));
            Assert.StartsWith($"// Lesson {int.Parse(name[..2], System.Globalization.CultureInfo.InvariantCulture)}: ", lines[0],
                StringComparison.Ordinal);
        }
    }
}
