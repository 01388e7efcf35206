using System.CommandLine;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Backends.Gpu;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;

namespace MiniTransformer.Cli.Commands;

/// <summary>devices: what --device can name on this machine.</summary>
internal sealed class DevicesCommand
{
    private readonly Command command = new("devices",
        "List the devices of this machine and test each; say why a driver or a device cannot be used.");
    private readonly CommonFlags common;
    private readonly Flag<bool> json = Flags.Switch("--json", "one JSON line a device", saved: false);

    private DevicesCommand() =>
        common = new CommonFlags(command, "write the list to this file instead of standard output", "FILE",
            "accepted for uniformity: nothing is drawn here");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var devices = new DevicesCommand();
        devices.command.Add(devices.json);
        return new CliCommand(devices.command, devices.common, ["devices", "devices --json"], devices.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        var rows = new List<Row>();
        using (Device cpu = Device.Cpu(settings.Get(common.Threads))) rows.Add(new Row("cpu", cpu.Name, null,
            $".NET {Environment.Version}", null));
        GpuContext gpus = terminal.Stop.Await(() => GpuContext.Shared);
        foreach (GpuDevice device in gpus.Devices)
        {
            rows.Add(new Row(device.Specification, device.Name, device.Memory, device.Driver, terminal.Stop.Await(() => Refusal(device))));
        }
        foreach (RefusedDevice refused in gpus.Refused) rows.Add(new Row(refused.Name, null, null, null, refused.Reason));

        foreach (Row row in rows)
        {
            results.Writer.WriteLine(settings.Get(json) ? JsonSerializer.Serialize(row, RunDirectory.Json) : row.ToString());
        }
        results.Keep();
        return ExitCode.Done;
    }

    // Opening a device runs its self-test.
    private static string? Refusal(GpuDevice device)
    {
        try
        {
            Device.Open(device.Specification).Dispose();
            return null;
        }
        catch (DeviceException e)
        {
            return e.Message;
        }
    }

    private sealed record Row(string Device, string? Name, long? Memory, string? Driver, string? Refused)
    {
        public override string ToString()
        {
            string memory = Memory is { } bytes ? FormattableString.Invariant($", {bytes / (double)(1 << 30):F1} GiB") : "";
            return Name is null
                ? $"{Device,-9} not available: {Refused}"
                : $"{Device,-9} {Name}{memory}; {Driver}{(Refused is null ? "" : $"{Environment.NewLine}{"",9} refused: {Refused}")}";
        }
    }
}
