namespace MiniTransformer.Cli.Invocations;

/// <summary>
/// Waiting for work that does not look at a token itself, such as reading a pipe or a large file, or starting a driver. It is done on
/// another thread and left to itself when the program is asked to stop: the command ends with it.
/// </summary>
internal static class Waiting
{
    /// <summary>Waits for work.</summary>
    /// <exception cref="OperationCanceledException">Asked to stop.</exception>
    public static T Await<T>(this CancellationToken stop, Func<T> work)
    {
        if (!stop.CanBeCanceled) return work();
        stop.ThrowIfCancellationRequested();
        return Task.Run(work, CancellationToken.None).WaitAsync(stop).GetAwaiter().GetResult();
    }

    /// <summary>Waits for work.</summary>
    /// <exception cref="OperationCanceledException">Asked to stop.</exception>
    public static void Await(this CancellationToken stop, Action work) => stop.Await(() =>
    {
        work();
        return true;
    });

    /// <summary>Waits for elements, one by one.</summary>
    /// <exception cref="OperationCanceledException">Asked to stop.</exception>
    public static IEnumerable<T> Await<T>(this CancellationToken stop, IEnumerable<T> elements)
    {
        using IEnumerator<T> at = elements.GetEnumerator();
        while (stop.Await(at.MoveNext)) yield return at.Current;
    }
}
