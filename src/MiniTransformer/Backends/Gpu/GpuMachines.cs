
namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// The machines that are open in this process. A device that is opened again while it is open shares the machine, and with it the compiled
/// kernels; the last one to be disposed of closes it.
/// </summary>
internal static class GpuMachines
{
    private static readonly Dictionary<string, (GpuMachine Machine, int Users)> Open = [];

    /// <summary>A backend on the first device that suits.</summary>
    /// <param name="suits">Which devices are meant.</param>
    /// <param name="wanted">How the user named them.</param>
    /// <param name="tf32">Whether products may round their factors to TF32.</param>
    /// <exception cref="DeviceException">There is none, or it computes wrongly.</exception>
    public static GpuBackend BackendOf(Func<GpuDevice, bool> suits, string wanted, bool tf32 = false)
    {
        lock (Open)
        {
            foreach ((GpuMachine known, int users) in Open.Values)
            {
                if (!suits(known.Device)) continue;
                Open[known.Device.Specification] = (known, users + 1);
                return new GpuBackend(known, () => Release(known)) { Tf32 = tf32 };
            }

            GpuMachine machine = Start(suits, wanted);
            Open.Add(machine.Device.Specification, (machine, 1));
            return new GpuBackend(machine, () => Release(machine)) { Tf32 = tf32 };
        }
    }

    private static GpuMachine Start(Func<GpuDevice, bool> suits, string wanted)
    {
        GpuContext? context = null;
        try
        {
            context = new GpuContext();
            GpuDevice device = context.Devices.FirstOrDefault(suits) ?? throw new DeviceException(Missing(context, wanted));
            var machine = new GpuMachine(context, device);
            try
            {
                SelfTest.Check(machine);
                return machine;
            }
            catch
            {
                machine.Dispose(); // and the context with it
                throw;
            }
        }
        catch (Exception e)
        {
            context?.Dispose();
            if (e is DeviceException) throw;
            throw new DeviceException($"--device {wanted}: the device could not be opened: {e.Message} `devices` tells more; --device cpu always works.", e);
        }
    }

    private static string Missing(GpuContext context, string wanted)
    {
        string found = context.Devices.Count == 0
            ? "ILGPU found none at all"
            : "found: " + string.Join(", ", context.Devices.Select(d => $"{d.Specification} ({d.Name})"));
        string reasons = string.Join("; ", context.Refused.Select(r => $"{r.Name}: {r.Reason}"));
        return $"--device {wanted}: there is no such device here; {found}.{(reasons.Length > 0 ? $" {reasons}." : "")} `devices` lists what there is; --device cpu always works.";
    }

    private static void Release(GpuMachine machine)
    {
        lock (Open)
        {
            string key = machine.Device.Specification;
            int users = Open[key].Users - 1;
            Open[key] = (machine, users);
            if (users > 0) return;
            Open.Remove(key);
            machine.Dispose();
        }
    }
}
