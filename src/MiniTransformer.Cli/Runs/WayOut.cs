using MiniTransformer.Cli.Invocations;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>What to do about a damaged file, beyond what the file alone says: a run can write some of its folders again.</summary>
internal static class WayOut
{
    /// <summary>A sentence for the folder that a damaged file lies in; empty where there is none.</summary>
    public static string Of(ChecksumException e)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(e.File))!, parent = Path.GetDirectoryName(folder) ?? folder;
        string run = Path.GetDirectoryName(parent) ?? parent, shown = Invocation.Shown(folder);
        if (Path.GetFileName(parent) == "bases") return $" Or delete {shown}: --resume trains this base again, to the same bits.";
        if (Path.GetFileName(parent) != "checkpoints" || !RunDirectory.Exists(run)) return "";
        return Path.GetFileName(folder) switch
        {
            ModelFolder.Last => $" Or delete {shown}: --resume then begins again at update 0, and comes to the same bits.",
            ModelFolder.Final => $" Or write it again from the run's last checkpoint, with --out {Invocation.Shown(run)} --resume.",
            _ =>
                $" Or train the run again: --config {Invocation.Shown(RunDirectory.ConfigurationPath(run))} with a new --out comes to the "
                    + "same bits.",
        };
    }
}
