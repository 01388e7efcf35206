using MiniTransformer.IO;

namespace MiniTransformer.Tests.IO;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_is_written_whole_with_the_folders_that_it_needs()
    {
        string path = folder["a/b/file.txt"];
        AtomicFile.WriteAllText(path, "θ");
        AtomicFile.WriteAllText(path, "θ²");
        Assert.Equal([0xCE, 0xB8, 0xC2, 0xB2], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFileSystemEntries(folder["a/b"]));
    }

    [Fact]
    public void The_old_content_is_there_until_the_new_is_complete()
    {
        string path = folder["file.txt"];
        AtomicFile.WriteAllText(path, "old");
        AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(path));
        });
        Assert.Equal("new", File.ReadAllText(path));
    }

    [Fact]
    public void A_failure_keeps_the_old_content_and_leaves_nothing_behind()
    {
        string path = folder["file.txt"];
        AtomicFile.WriteAllText(path, "old");
        Assert.Throws<InvalidDataException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw new InvalidDataException("no more");
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData(28, "free some space")]
    [InlineData(unchecked((int)0x80070070), "free some space")]
    [InlineData(30, "read-only")]
    public void An_error_names_the_path_and_the_way_out(int code, string wayOut)
    {
        string path = folder["file.txt"];
        IOException e = Assert.Throws<IOException>(() => AtomicFile.Write(path, _ => throw new IOException("system text", code)));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(wayOut, e.Message, StringComparison.Ordinal);
        Assert.Contains("system text", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_the_way_is_an_error_that_names_it()
    {
        Directory.CreateDirectory(folder["taken"]);
        IOException e = Assert.Throws<IOException>(() => AtomicFile.WriteAllText(folder["taken"], "x"));
        Assert.Contains(folder["taken"], e.Message, StringComparison.Ordinal);
        Assert.Equal([folder["taken"]], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_file_where_a_folder_is_needed_is_an_error_that_names_the_path()
    {
        File.WriteAllText(folder["taken"], "x");
        IOException e = Assert.Throws<IOException>(() => AtomicFile.WriteAllText(folder["taken/file.txt"], "x"));
        Assert.Contains("taken/file.txt", e.Message.Replace('\\', '/'), StringComparison.Ordinal);
    }
}
