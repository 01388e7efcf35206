using System.Runtime.InteropServices;

namespace MiniTransformer.IO;

/// <summary>
/// Makes what was written survive a power cut (fsync of files and of the folders that name them), and says in plain words why a write
/// failed.
/// </summary>
public static partial class DiskSync
{
    /// <summary>Waits until a file's content is on the disk.</summary>
    public static void File(string path)
    {
        using var handle = System.IO.File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>
    /// Waits until a folder's list of names is on the disk: on Unix a rename is durable only after this. Elsewhere, and on file systems
    /// that cannot do it, nothing happens: the rename is still atomic, it may merely be lost with the power.
    /// </summary>
    public static void Folder(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = Open(path, 0 /* O_RDONLY */);
        if (descriptor < 0) return;
        _ = Fsync(descriptor);
        _ = Close(descriptor);
    }

    /// <summary>Waits until everything in a folder, at every depth, is on the disk.</summary>
    public static void Tree(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder)) File(file);
        foreach (string inner in Directory.EnumerateDirectories(folder)) Tree(inner);
        Folder(folder);
    }

    /// <summary>The error that names what could not be written, why, and the way out.</summary>
    public static IOException CannotWrite(string path, Exception cause)
    {
        const int UnixNoSpace = 28, UnixReadOnly = 30, UnixQuota = 122, MacQuota = 69;
        const int WindowsDiskFull = unchecked((int)0x80070070), WindowsHandleDiskFull = unchecked((int)0x80070027);
        string wayOut = cause switch
        {
            _ when cause.HResult is UnixNoSpace or UnixQuota or MacQuota or WindowsDiskFull or WindowsHandleDiskFull =>
                "The disk is full: free some space and repeat the command.",
            _ when cause.HResult == UnixReadOnly => "The file system is read-only: choose a folder on another one.",
            UnauthorizedAccessException => "Choose a folder that you may write to, or change the permissions of this one.",
            PathTooLongException => "Choose a shorter path.",
            _ => "Check that the path is right and that its folder can be written to.",
        };
        return new IOException($"Cannot write '{path}': {cause.Message.TrimEnd('.')}. {wayOut} What was there before is not lost.", cause);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
