namespace MiniTransformer.Backends;

/// <summary>A device was asked for that is not there or that cannot be used.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>An error with the reason and the way out.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>An error that another one caused.</summary>
    public DeviceException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
