namespace MiniTransformer.Text.Jinja;

/// <summary>
/// A template in the part of Jinja that chat templates use, set as Hugging Face sets it (trim_blocks, lstrip_blocks, loop controls,
/// generation blocks). A template is somebody else's program: it reads what it is given and nothing else, and its steps, its output and its
/// nesting have limits.
/// </summary>
public sealed class JinjaTemplate
{
    private const int LongestSource = 1 << 20;

    private readonly Node[] body;

    private JinjaTemplate(Node[] body) => this.body = body;

    /// <summary>Reads a template.</summary>
    /// <exception cref="JinjaException">It is not Jinja, or uses what is not implemented; the message names the line.</exception>
    public static JinjaTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Length > LongestSource)
        {
            throw new JinjaException(1, $"{source.Length:N0} characters; the longest template has {LongestSource:N0}.");
        }
        return new JinjaTemplate(JinjaParser.Parse(source));
    }

    /// <summary>What the template writes with these variables.</summary>
    /// <param name="variables">Strings, numbers, booleans, null, and what <see cref="JinjaValue"/> makes of JSON.</param>
    /// <param name="now">What strftime_now calls now.</param>
    /// <exception cref="JinjaException">The template refuses (raise_exception), calls what there is not, or does not come to an
    /// end.</exception>
    public MarkedText Render(IEnumerable<KeyValuePair<string, object?>> variables, DateTime now) =>
        new JinjaInterpreter(new JinjaLimits(), now)
            .Run(body, variables.Select(pair => new KeyValuePair<string, object?>(pair.Key, JinjaValue.Known(pair.Value))));
}
