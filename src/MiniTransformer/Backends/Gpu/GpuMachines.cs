
namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// The machines that are open in this process. A device that is opened again while it is open shares the machine, and with it the compiled
/// kernels; the last one to be disposed of closes it.
/// </summary>
internal static class GpuMachines
{
    private static readonly Dictionary<GpuDevice, (GpuMachine Machine, int Users)> Open = [];

    /// <summary>A backend on the first device that suits; of several that suit, one that cannot be used is passed over.</summary>
    /// <param name="suits">Which devices are meant.</param>
    /// <param name="wanted">How the user named them.</param>
    /// <param name="tf32">Whether products may round their factors to TF32.</param>
    /// <exception cref="DeviceException">There is none, or none that can be used.</exception>
    public static GpuBackend BackendOf(Func<GpuDevice, bool> suits, string wanted, bool tf32 = false)
    {
        lock (Open)
        {
            GpuDevice[] devices = [.. GpuContext.Shared.Devices.Where(suits)];
            if (devices.Length == 0) throw new DeviceException(Missing(GpuContext.Shared, wanted));
            var errors = new List<DeviceException>();
            foreach (GpuDevice device in devices)
            {
                try
                {
                    return BackendOf(device, tf32);
                }
                catch (DeviceException e)
                {
                    errors.Add(e);
                }
            }

            throw errors.Count == 1 ? errors[0] : new DeviceException(string.Join(' ', errors.Select(e => e.Message)), errors[0]);
        }
    }

    private static GpuBackend BackendOf(GpuDevice device, bool tf32)
    {
        (GpuMachine machine, int users) = Open.TryGetValue(device, out (GpuMachine, int) known) ? known : (Start(device), 0);
        Open[device] = (machine, users + 1);
        return new GpuBackend(machine, () => Release(machine)) { Tf32 = tf32 };
    }

    private static GpuMachine Start(GpuDevice device)
    {
        GpuMachine? machine = null;
        try
        {
            machine = new GpuMachine(GpuContext.Shared, device);
            SelfTest.Check(machine);
            return machine;
        }
        catch (Exception e)
        {
            Close(machine);
            if (e is DeviceException) throw;
            throw new DeviceException($"{device.Specification} ({device.Name}) could not be opened: {e.Message}", e);
        }
    }

    // What goes wrong while a device is closed that could not be used says less than why it could not.
    private static void Close(GpuMachine? machine)
    {
        try
        {
            machine?.Dispose();
        }
        catch (ILGPU.Runtime.AcceleratorException e)
        {
            System.Diagnostics.Trace.WriteLine(e);
        }
    }

    private static string Missing(GpuContext context, string wanted)
    {
        string found = context.Devices.Count == 0
            ? "ILGPU found none at all"
            : "found: " + string.Join(", ", context.Devices.Select(d => $"{d.Specification} ({d.Name})"));
        string reasons = string.Join("; ", context.Refused.Select(r => $"{r.Name}: {r.Reason}"));
        return $"{wanted}: there is no such device here; {found}.{(reasons.Length > 0 ? $" {reasons}." : "")}";
    }

    private static void Release(GpuMachine machine)
    {
        lock (Open)
        {
            int users = Open[machine.Device].Users - 1;
            Open[machine.Device] = (machine, users);
            if (users > 0) return;
            Open.Remove(machine.Device);
            machine.Dispose();
        }
    }
}
