namespace MiniTransformer.Text.Jinja;

/// <summary>
/// What a template may take: a template is somebody else's program, and one that does not end must be an error, not a wait.
/// </summary>
internal sealed class JinjaLimits
{
    /// <summary>Longest text, in UTF-16 units, that any expression may make.</summary>
    public const int LongestText = 1 << 26;

    /// <summary>Most items of a range, as in Jinja's own sandbox.</summary>
    public const int LongestRange = 100_000;

    /// <summary>Deepest nesting of expressions and blocks in the source.</summary>
    public const int DeepestSource = 200;

    /// <summary>Deepest nesting of macro calls and recursive loops.</summary>
    public const int DeepestCall = 100;

    // An expression or statement is a step, and so are 32 characters of output or of a new string, or 4 items of a new list.
    private const long MostSteps = 4_000_000;

    private long steps;

    public void Step(long cost = 1)
    {
        steps += cost;
        if (steps > MostSteps) throw new JinjaValueException($"more than {MostSteps:N0} steps: the template does not come to an end.");
    }

    /// <summary>Counts what a value took to make.</summary>
    public object? Made(object? value)
    {
        Step(1 + (value switch { MarkedText text => text.Length / 32, IList<object?> items => items.Count / 4, _ => 0 }));
        return value;
    }

    public static void CheckLength(long length)
    {
        if (length > LongestText) throw new JinjaValueException($"a text of {length:N0} characters; a template may make {LongestText:N0}.");
    }

    public static string Checked(long length, string a, string b)
    {
        CheckLength(length);
        return a + b;
    }
}
