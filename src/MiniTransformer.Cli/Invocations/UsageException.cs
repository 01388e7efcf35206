namespace MiniTransformer.Cli.Invocations;

/// <summary>The command was used wrongly: the message names the flag and the way out. The exit code is 2.</summary>
internal sealed class UsageException(string message) : Exception(message)
{
    /// <summary>Runs a check of settings whose complaints are about flags.</summary>
    public static void Check(Action check, string prefix = "")
    {
        try
        {
            check();
        }
        catch (ArgumentException e)
        {
            throw new UsageException(prefix + Messages.Of(e));
        }
    }

    /// <summary>Computes something from flags whose complaints are about them.</summary>
    public static T Check<T>(Func<T> compute, string prefix = "")
    {
        T? value = default;
        Check(() => { value = compute(); }, prefix);
        return value!;
    }
}
