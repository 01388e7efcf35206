using System.CommandLine;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Cli.Options;

/// <summary>The flags that every command has.</summary>
internal sealed class CommonFlags
{
    /// <summary>Adds them to a command.</summary>
    public CommonFlags(Command command, string outDescription, string outName = "DIR",
        string seedDescription = "seed of everything that is drawn at random")
    {
        Seed = Flags.Seed(seedDescription);
        Out = Flags.Path("--out", outDescription, outName, saved: false);
        command.Add(Out);
        command.Add(Seed);
        command.Add(DeviceName);
        command.Add(Threads);
        command.Add(Precision);
        command.Add(Config);
        command.Add(Debug);
    }

    /// <summary>The seed.</summary>
    public Flag<ulong> Seed { get; }

    /// <summary>Where the results go.</summary>
    public Flag<string?> Out { get; }

    /// <summary>Where to compute; a run that is resumed may move to another device.</summary>
    public Flag<string> DeviceName { get; } = new(
        "--device",
        "where to compute: cpu; cuda or opencl, or one of several, such as cuda:1; auto for CUDA, else a GPU through OpenCL, else the CPU",
        DeviceText, "cpu", hasDefault: true)
    { HelpName = "NAME", MayChange = true, Choices = ["auto", "cpu", "cuda", "opencl"] };

    /// <summary>Threads.</summary>
    public Flag<int> Threads
    {
        get;
    } = Flags.Int("--threads", "threads of the CPU to compute with, 0 for one a core; the results are the same for every number", 0,
        max: 1024, mayChange: true);

    /// <summary>How exactly products are computed.</summary>
    public Flag<string> Precision { get; } = new(
        "--precision",
        "factors of matrix products: float32, or tf32 to round them to 11 bits on CUDA devices with tensor cores (elsewhere the same as "
            + "float32)",
        text => text is "float32" or "tf32" ? text : throw new UsageException($"'{text}' is none of float32, tf32."), "float32",
        hasDefault: true)
    { HelpName = "WORD", MayChange = true, Choices = ["float32", "tf32"] };

    /// <summary>The configuration file.</summary>
    public Flag<string?> Config
    {
        get;
    } = Flags.Path("--config", "JSON file with flags as keys; flags on the command line override it", "FILE", saved: false);

    /// <summary>Whether errors come with a stack trace.</summary>
    public Flag<bool> Debug { get; } = Flags.Switch("--debug", "show the stack trace of an error", saved: false);

    /// <summary>The device of the settings; what runs on it ends when it is asked to stop.</summary>
    /// <exception cref="DeviceException">There is no such device, or it cannot be used.</exception>
    public Device Device(Settings settings, CancellationToken stop) => stop.Await(() => Open(settings, stop));

    /// <summary>
    /// How commands that train many small models do it: on the CPU as many at once as there are threads, each on one; on another device one
    /// after the other.
    /// </summary>
    public (int AtOnce, Func<CancellationToken, Device> Open) Many(Settings settings)
    {
        if (settings.Get(DeviceName) != "cpu") return (1, stop => Open(settings, stop));
        return (settings.Get(Threads) is var threads and > 0 ? threads : Environment.ProcessorCount, stop =>
            Heard(Backends.Device.Cpu(1), stop));
    }

    private Device Open(Settings settings, CancellationToken stop)
    {
        try
        {
            return Heard(Backends.Device.Open(settings.Get(DeviceName), settings.Get(Threads), settings.Get(Precision) == "tf32"), stop);
        }
        catch (DeviceException e) // it begins with the device
        {
            throw new DeviceException($"{DeviceName.Name} {e.Message} `devices` lists what there is; {DeviceName.Name} cpu always works.",
                e);
        }
    }

    private static Device Heard(Device device, CancellationToken stop)
    {
        device.Stop = stop;
        return device;
    }

    private static string DeviceText(string text)
    {
        try
        {
            Backends.Device.CheckName(text);
            return text;
        }
        catch (DeviceException e)
        {
            throw new UsageException(e.Message);
        }
    }
}
