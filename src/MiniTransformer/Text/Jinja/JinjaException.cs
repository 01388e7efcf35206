namespace MiniTransformer.Text.Jinja;

/// <summary>A template that cannot be read or rendered; the message begins with the template's line.</summary>
public sealed class JinjaException : Exception
{
    /// <summary>An error at a line of the template, counted from 1.</summary>
    public JinjaException(int line, string message, Exception? inner = null)
        : base($"chat template, line {line}: {message}", inner) => Line = line;

    /// <summary>The template's line, counted from 1.</summary>
    public int Line { get; }
}

/// <summary>An error of a filter, a test, a method or an operator, which does not know its line; the interpreter adds it.</summary>
internal sealed class JinjaValueException(string message) : Exception(message);
