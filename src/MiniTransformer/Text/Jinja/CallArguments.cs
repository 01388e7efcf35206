namespace MiniTransformer.Text.Jinja;

/// <summary>
/// The arguments of a call, a filter or a test. Whoever is called takes them one by one, by position or by name; one that nobody took is an
/// error.
/// </summary>
internal sealed class CallArguments(List<object?> positional, Dictionary<string, object?> named, Callable? caller = null)
{
    private readonly HashSet<string> byName = new(StringComparer.Ordinal);
    private int next;

    /// <summary>In a call block: what writes the block's body.</summary>
    public Callable? Caller => caller;

    /// <summary>The next parameter's value, or null.</summary>
    public object? Next(string name, out bool given)
    {
        bool isNamed = named.Remove(name, out object? value);
        if (isNamed) byName.Add(name);
        given = isNamed || next < positional.Count;
        if (next >= positional.Count) return value;
        if (isNamed) throw new JinjaValueException($"argument '{name}' is given twice.");
        return positional[next++];
    }

    /// <summary>The next parameter's value, or one that stands for it where it is not given.</summary>
    public object? Next(string name, object? otherwise)
    {
        object? value = Next(name, out bool given);
        return given ? value : otherwise;
    }

    /// <summary>The next parameter's value, which must be given.</summary>
    public object? Needed(string name)
    {
        object? value = Next(name, out bool given);
        return given ? value : throw new JinjaValueException($"argument '{name}' is missing.");
    }

    /// <summary>True if the parameter was given by its name.</summary>
    public bool CameByName(string name) => byName.Contains(name);

    public MarkedText Text(string name, string otherwise) => AsText(name, Next(name, MarkedText.Of(otherwise)));

    public MarkedText Text(string name) => AsText(name, Needed(name));

    public bool Truth(string name, bool otherwise) => JinjaValues.IsTrue(Next(name, otherwise));

    public long Integer(string name, long otherwise) => Next(name, otherwise) switch
    {
        null => otherwise,
        long n => n,
        bool b => b ? 1 : 0,
        object other => throw new JinjaValueException($"argument '{name}' must be an integer; it is {JinjaValues.TypeName(other)}."),
    };

    public List<object?> RestOfPositional()
    {
        List<object?> rest = positional[next..];
        next = positional.Count;
        return rest;
    }

    public JinjaDict RestOfNamed()
    {
        JinjaDict rest = [];
        foreach ((string name, object? value) in named) rest[MarkedText.Of(name)] = value;
        named.Clear();
        return rest;
    }

    /// <summary>Refuses arguments that nobody took.</summary>
    public void Done(string what)
    {
        if (next < positional.Count)
        {
            throw new JinjaValueException($"{what} takes {next} argument(s) here, and {positional.Count} are given.");
        }
        if (named.Count > 0) throw new JinjaValueException($"{what} has no argument '{named.Keys.First()}'.");
    }

    private static MarkedText AsText(string name, object? value) =>
        value as MarkedText ?? throw new JinjaValueException($"argument '{name}' must be a string; it is {JinjaValues.TypeName(value)}.");
}
