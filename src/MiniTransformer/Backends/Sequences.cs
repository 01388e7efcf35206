namespace MiniTransformer.Backends;

/// <summary>Sequences that lie one after another in rows: sequence b is rows starts[b] … starts[b+1] − 1.</summary>
/// <param name="Starts">The B + 1 starts on the device.</param>
/// <param name="Host">The same here: who starts a kernel cuts its work by them.</param>
public readonly record struct Sequences(Storage Starts, int[] Host)
{
    /// <summary>B, the sequences.</summary>
    public int Count => Host.Length - 1;

    /// <summary>N, the rows of all.</summary>
    public int Rows => Host[^1];
}
