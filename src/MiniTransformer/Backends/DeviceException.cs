namespace MiniTransformer.Backends;

/// <summary>A device was asked for that is not there, that cannot be used, or that has not the memory that is needed.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>An error with the reason and the way out.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>A number of bytes as people read it: in MB or GB, 10⁶ and 10⁹ bytes.</summary>
    public static string Size(double bytes) =>
        bytes < 1e9 ? FormattableString.Invariant($"{bytes / 1e6:0.#} MB") : FormattableString.Invariant($"{bytes / 1e9:#,0.#} GB");

    /// <summary>An error that another one caused.</summary>
    public DeviceException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
