namespace MiniTransformer.Lab;

/// <summary>A 95% interval [Low, High]; both ends are NaN where there is too little data for one.</summary>
/// <param name="Low">The lower end.</param>
/// <param name="High">The upper end.</param>
public readonly record struct Interval(double Low, double High)
{
    /// <summary>No interval: fewer than three values.</summary>
    public static Interval Unavailable { get; } = new(double.NaN, double.NaN);

    /// <summary>Whether there is an interval.</summary>
    public bool IsAvailable => !double.IsNaN(Low) && !double.IsNaN(High);

    /// <summary>Whether zero lies outside; false where there is no interval.</summary>
    public bool ExcludesZero => Low > 0 || High < 0;

    /// <summary>Half the width: the number after ±.</summary>
    public double HalfWidth => (High - Low) / 2;
}
