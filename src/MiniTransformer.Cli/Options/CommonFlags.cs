using System.CommandLine;
using MiniTransformer.Backends;

namespace MiniTransformer.Cli.Options;

/// <summary>The flags that every command has.</summary>
internal sealed class CommonFlags
{
    /// <summary>Adds them to a command.</summary>
    public CommonFlags(Command command, string outDescription, string outName = "DIR", string seedDescription = "seed of everything that is drawn at random")
    {
        Seed = Flags.Seed(seedDescription);
        Out = Flags.Path("--out", outDescription, outName, saved: false);
        command.Add(Out);
        command.Add(Seed);
        command.Add(Threads);
        command.Add(Config);
        command.Add(Debug);
    }

    /// <summary>The seed.</summary>
    public Flag<ulong> Seed { get; }

    /// <summary>Where the results go.</summary>
    public Flag<string?> Out { get; }

    /// <summary>Threads.</summary>
    public Flag<int> Threads { get; } = Flags.Int("--threads", "threads to compute with, 0 for one a core; the results are the same for every number", 0, max: 1024, mayChange: true);

    /// <summary>The configuration file.</summary>
    public Flag<string?> Config { get; } = Flags.Path("--config", "JSON file with flags as keys; flags on the command line override it", "FILE", saved: false);

    /// <summary>Whether errors come with a stack trace.</summary>
    public Flag<bool> Debug { get; } = Flags.Switch("--debug", "show the stack trace of an error", saved: false);

    /// <summary>The device of the settings.</summary>
    public Device Device(Settings settings) => Backends.Device.Cpu(settings.Get(Threads));
}
