using MiniTransformer.IO;

namespace MiniTransformer.Tests.IO;

public sealed class AtomicDirectoryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Target => folder["checkpoint"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_is_created_and_replaced_as_a_whole()
    {
        AtomicDirectory.Write(Target, Version("1"));
        Assert.Equal("1", Read(Target));
        AtomicDirectory.Write(Target + "/", Version("2"));
        Assert.Equal("2", Read(Target));
        Assert.Equal(["checkpoint"], Names());
    }

    [Fact]
    public void The_old_version_is_there_until_the_new_is_complete()
    {
        AtomicDirectory.Write(Target, Version("1"));
        AtomicDirectory.Write(Target, temporary =>
        {
            Version("2")(temporary);
            Assert.Equal("1", Read(Target));
        });
        Assert.Equal("2", Read(Target));
    }

    [Fact]
    public void A_failure_keeps_the_old_version_and_leaves_nothing_behind()
    {
        AtomicDirectory.Write(Target, Version("1"));
        IOException e = Assert.Throws<IOException>(() => AtomicDirectory.Write(Target, temporary =>
        {
            Version("2")(temporary);
            throw new IOException("No space left on device", 28);
        }));
        Assert.Contains(Target, e.Message, StringComparison.Ordinal);
        Assert.Contains("free some space", e.Message, StringComparison.Ordinal);
        Assert.Equal("1", Read(Target));
        Assert.Equal(["checkpoint"], Names());
    }

    // The states that a crash can leave, as the names present and the version in each (null: incomplete), the version a reader finds, and
    // what recovery makes of it.
    [Theory]
    [InlineData("checkpoint=1 checkpoint.tmp-x=", "1", "1")]
    [InlineData("checkpoint.tmp-x=", null, null)]
    [InlineData("checkpoint=1 checkpoint.new=2", "1", "2")]
    [InlineData("checkpoint.old=1 checkpoint.new=2", "2", "2")]
    [InlineData("checkpoint.new=2", "2", "2")]
    [InlineData("checkpoint=2 checkpoint.old=1", "2", "2")]
    [InlineData("checkpoint.old=1", "1", "1")]
    [InlineData("checkpoint=2 checkpoint.old=1 checkpoint.new=3", "2", "3")]
    public void A_crash_after_any_step_leaves_a_complete_version_and_the_next_write_clears_up(string state, string? found,
        string? recovered)
    {
        Arrange(state);
        string[] before = Names();
        Assert.Equal(found, Read(AtomicDirectory.Current(Target)));
        Assert.Equal(before, Names());

        AtomicDirectory.Recover(Target);
        Assert.Equal(recovered, Read(Target));
        Assert.Equal(recovered is null ? [] : ["checkpoint"], Names());

        Arrange(state);
        AtomicDirectory.Write(Target, Version("9"));
        Assert.Equal("9", Read(Target));
        Assert.Equal(["checkpoint"], Names());
    }

    [Fact]
    public void What_the_new_version_does_not_replace_is_kept_aside_and_not_destroyed()
    {
        AtomicDirectory.Write(Target, Version("1"));
        File.WriteAllText(Path.Combine(Target, "notes.txt"), "mine");
        AtomicDirectory.Write(Target, Version("2"));
        AtomicDirectory.Write(Target, Version("3"));
        Assert.Equal(["checkpoint", "checkpoint.kept-1"], Names());
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target + ".kept-1", "notes.txt")));
        Assert.Equal("3", Read(Target));
    }

    [Fact]
    public void A_neighbour_with_a_similar_name_is_left_alone()
    {
        AtomicDirectory.Write(folder["checkpoint-2"], Version("neighbour"));
        AtomicDirectory.Write(Target, Version("1"));
        AtomicDirectory.Write(Target, Version("2"));
        Assert.Equal("neighbour", Read(folder["checkpoint-2"]));
    }

    [Fact]
    public void A_file_in_the_way_is_an_error_and_stays()
    {
        File.WriteAllText(Target, "a file");
        IOException e = Assert.Throws<IOException>(() => AtomicDirectory.Write(Target, Version("1")));
        Assert.Contains(Target, e.Message, StringComparison.Ordinal);
        Assert.Equal("a file", File.ReadAllText(Target));
        Assert.Equal(["checkpoint"], Names());
    }

    [Theory]
    [InlineData("checkpoint", false)]
    [InlineData("checkpoint.new", true)]
    [InlineData("checkpoint.old/", true)]
    [InlineData("checkpoint.tmp-0123", true)]
    [InlineData("checkpoint.kept-1", true)]
    public void Intermediate_states_are_recognised_by_name(string name, bool leftover) =>
        Assert.Equal(leftover, AtomicDirectory.IsLeftover(folder[name]));

    private static Action<string> Version(string version) => into =>
    {
        File.WriteAllText(Path.Combine(into, "version"), version);
        Directory.CreateDirectory(Path.Combine(into, "inner"));
        File.WriteAllText(Path.Combine(into, "inner", "version"), version);
    };

    private static string? Read(string path)
    {
        if (!Directory.Exists(path)) return null;
        string version = File.ReadAllText(Path.Combine(path, "version"));
        Assert.Equal(version, File.ReadAllText(Path.Combine(path, "inner", "version")));
        return version;
    }

    private void Arrange(string state)
    {
        foreach (string old in Directory.GetDirectories(folder.Path)) Directory.Delete(old, recursive: true);
        foreach (string[] part in state.Split(' ').Select(p => p.Split('=')))
        {
            Directory.CreateDirectory(folder[part[0]]);
            if (part[1].Length > 0) Version(part[1])(folder[part[0]]);
        }
    }

    private string[] Names() =>
        [.. Directory.GetFileSystemEntries(folder.Path).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal)];
}
