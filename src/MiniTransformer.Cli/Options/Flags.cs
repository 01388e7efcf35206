using System.Globalization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Text;

namespace MiniTransformer.Cli.Options;

/// <summary>Kinds of flags. A flag without a default of its own has null, and the command chooses.</summary>
internal static class Flags
{
    // As many as the name of a kept checkpoint has.
    private const int FractionDecimals = 6;

    /// <summary>A whole number.</summary>
    public static Flag<int> Int(string name, string description, int defaultValue, int min = 0, bool mayChange = false,
        int max = int.MaxValue) =>
        new(name, description, text =>
            Whole(text, min) is var n
                && n <= max ? n : throw new UsageException($"{text} is more than {max}."), defaultValue,
                hasDefault: true)
        { HelpName = "N", MayChange = mayChange };

    /// <summary>A whole number that the command chooses where it is not given.</summary>
    public static Flag<int?> OptionalInt(string name, string description, int min = 0, bool mayChange = false) =>
        new(name, description, text => Whole(text, min)) { HelpName = "N", MayChange = mayChange };

    /// <summary>A number of at least <paramref name="min"/> (above it, if open) and at most <paramref name="max"/>.</summary>
    public static Flag<double> Number(string name, string description, double defaultValue, double min = 0,
        double max = double.PositiveInfinity, bool open = false) =>
        new(name, description, text => Real(text, min, max, open), defaultValue, hasDefault: true) { HelpName = "X" };

    /// <summary>A number that the command chooses where it is not given.</summary>
    public static Flag<double?> OptionalNumber(string name, string description, double min = 0, double max = double.PositiveInfinity,
        bool open = false) =>
        new(name, description, text => Real(text, min, max, open)) { HelpName = "X" };

    /// <summary>Numbers in (0, 1], separated by commas; "none" for no number.</summary>
    public static Flag<double[]?> Fractions(string name, string description) =>
        new(name, description, text =>
            text == "none" ? [] : [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(part => Math.Round(Real(part, 0, 1, open: true), FractionDecimals) is var f and > 0 && f == Real(part, 0, 1, open: true)
                ? f
                : throw new UsageException($"'{part}' has more than {FractionDecimals} decimals, which a checkpoint's name does not hold."))
                    .Distinct().Order()])
        { HelpName = "X,X,..." };

    /// <summary>A text.</summary>
    public static Flag<string?> Text(string name, string description, string helpName) =>
        new(name, description, text => text) { HelpName = helpName };

    /// <summary>The path of a file or folder, made absolute: a saved configuration holds wherever it is used.</summary>
    public static Flag<string?> Path(string name, string description, string helpName = "DIR", bool saved = true, bool isInput = false) =>
        new(name, description, FullPath) { HelpName = helpName, Saved = saved, IsInput = isInput };

    /// <summary>Paths of files or folders, made absolute; the flag is given once for each.</summary>
    public static Flag<string[]?> Paths(string name, string description, string helpName = "DIR") =>
        Flag<string[]?>.Repeated(name, description, texts => [.. texts.Select(FullPath)], helpName, isInput: true);

    /// <summary>One of some words.</summary>
    public static Flag<string> Choice(string name, string description, string[] choices, string defaultValue, string? formerly = null) =>
        new(
        name, $"{description}: {string.Join(", ", choices)}",
        text => choices.Contains(text)
            ? text
            : throw new UsageException($"'{text}' is none of {string.Join(", ", choices)}.{Nearest.Hint(text, choices)}"),
        defaultValue, hasDefault: true)
        { HelpName = "WORD", Formerly = formerly, Choices = choices };

    /// <summary>Some words of a list, separated by commas, or "all".</summary>
    public static Flag<string> Words(string name, string description, string[] words, string defaultValue) => new(
        name, $"{description}: {string.Join(", ", words)}",
        text =>
        {
            foreach (string part in text == "all" ? [] : text.Split(',', StringSplitOptions.TrimEntries))
            {
                if (!words.Contains(part))
                {
                    throw new UsageException($"'{part}' is none of {string.Join(", ", words)}.{Nearest.Hint(part, words)}");
                }
            }

            return text;
        },
        defaultValue, hasDefault: true)
    { HelpName = "WORD,...", Choices = ["all", .. words] };

    /// <summary>A switch.</summary>
    public static Flag<bool> Switch(string name, string description, bool saved = true) => new(
        name, description, text => text switch
        {
            "true" => true,
            "false" => false,
            _ => throw new UsageException($"'{text}' is neither true nor false."),
        })
    { Saved = saved };

    /// <summary>A seed.</summary>
    public static Flag<ulong> Seed(string description = "seed of everything that is drawn at random") => new(
        "--seed", description,
        text => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
            ? seed
            : throw new UsageException($"'{text}' is not a whole number from 0 to 2^64 - 1."),
        1ul, hasDefault: true)
    { HelpName = "N" };

    /// <summary>An absolute path; an empty one is refused.</summary>
    public static string FullPath(string text) =>
        text.Length > 0 ? System.IO.Path.GetFullPath(text) : throw new UsageException("the path is empty.");

    private static int Whole(string text, int min)
    {
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value))
            throw new UsageException($"'{text}' is not a whole number.");
        return value >= min ? value : throw new UsageException($"{value} is too small; at least {min} is needed.");
    }

    private static double Real(string text, double min, double max, bool open)
    {
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value))
            throw new UsageException($"'{text}' is not a number.");
        if (value >= min && value <= max && !(open && value == min)) return value;
        string range = double.IsPositiveInfinity(max)
            ? $"{(open ? "above" : "at least")} {min.ToString(CultureInfo.InvariantCulture)}"
            : $"{(open ? "above" : "from")} {min.ToString(CultureInfo.InvariantCulture)} {(open ? "and at most" : "to")} "
                + $"{max.ToString(CultureInfo.InvariantCulture)}";
        throw new UsageException($"{text} is out of range; a number {range} is needed.");
    }
}
