using System.Globalization;
using MiniTransformer.Tensors;

namespace MiniTransformer.Data.Tasks;

/// <summary>Sums, written <c>add:12+34=</c>: two numbers of at most the given digits.</summary>
public sealed class AdditionTask : ITask
{
    private const string Prefix = "add:";

    private readonly int bound;

    /// <summary>Sums of two numbers from 0 to 10^digits − 1.</summary>
    public AdditionTask(int digits = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(digits, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(digits, 8);
        for (bound = 10; digits > 1; digits--) bound *= 10;
    }

    /// <inheritdoc/>
    public string Name => "add";

    /// <inheritdoc/>
    public string Description => "the sum of two numbers";

    /// <inheritdoc/>
    public string NewPrompt(Rng rng)
    {
        ArgumentNullException.ThrowIfNull(rng);
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{rng.NextInt(bound)}+{rng.NextInt(bound)}=");
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The prompt is not one of this task's.</exception>
    public string Answer(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (prompt.StartsWith(Prefix, StringComparison.Ordinal) && prompt[^1] == '='
            && prompt[Prefix.Length..^1].Split('+') is [string a, string b] &&
            int.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out int x)
                && int.TryParse(b, NumberStyles.None, CultureInfo.InvariantCulture, out int y))
        {
            return ((long)x + y).ToString(CultureInfo.InvariantCulture);
        }

        throw new ArgumentException($"'{prompt}' is not a prompt of task add: needed is 'add:12+34='.", nameof(prompt));
    }
}
