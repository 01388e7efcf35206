namespace MiniTransformer.Text.Jinja;

/// <content>Expressions.</content>
internal sealed partial class JinjaInterpreter
{
    private readonly Dictionary<Captured, MarkedText> captured = [];

    private object? Evaluate(Node node, Scope scope, Callable? caller = null) => At(node, () => limits.Made(node switch
    {
        Literal literal => literal.Value,
        Name name => scope.Find(name.Id),
        Captured text => captured[text],
        ListOf list => list.Items.Select(item => Evaluate(item, scope)).ToList(),
        TupleOf tuple => Array.ConvertAll(tuple.Items, item => Evaluate(item, scope)),
        DictOf dict => Dictionary(dict, scope),
        Unary unary => JinjaOperators.Unary(unary.Operator, Evaluate(unary.Operand, scope)),
        Binary binary => Combine(binary, scope),
        Comparison comparison => Compare(comparison, scope),
        Conditional choice => JinjaValues.IsTrue(Evaluate(choice.Test, scope)) ? Evaluate(choice.Then, scope)
            : choice.Else is Node other ? Evaluate(other, scope) : new Undefined("an if without else that does not hold"),
        Attribute attribute => Attribute(Evaluate(attribute.Target, scope), attribute, isCalled: false),
        Item item => JinjaOperators.Item(Evaluate(item.Target, scope), Evaluate(item.Index, scope)),
        Slice slice =>
            JinjaOperators.Slice(Evaluate(slice.Target, scope), Bound(slice.From, scope), Bound(slice.To, scope), Bound(slice.By, scope)),
        Call call => Invoke(call, scope, caller),
        Filter filter => ApplyFilter(filter.Id, Evaluate(filter.Input, scope), Arguments(filter.Arguments, scope)),
        Test test => ApplyTest(test.Id, Evaluate(test.Input, scope), Arguments(test.Arguments, scope)),
        _ => throw new InvalidOperationException($"{node.GetType().Name} is no expression."),
    }));

    /// <summary>A filter by its name, as map and the filters of a template call it.</summary>
    public object? ApplyFilter(string name, object? input, CallArguments arguments)
    {
        object? result = JinjaFilters.Apply(name, input, arguments, this);
        arguments.Done($"filter '{name}'");
        return result;
    }

    /// <summary>A test by its name, as select and the tests of a template call it.</summary>
    public bool ApplyTest(string name, object? input, CallArguments arguments)
    {
        limits.Step();
        bool result = JinjaTests.Apply(name, input, arguments);
        arguments.Done($"test '{name}'");
        return result;
    }

    private object? Bound(Node? node, Scope scope) => node is null ? null : Evaluate(node, scope);

    private JinjaDict Dictionary(DictOf dict, Scope scope)
    {
        JinjaDict made = [];
        foreach ((Node key, Node value) in dict.Items) made.Put(Evaluate(key, scope), Evaluate(value, scope));
        return made;
    }

    private object? Combine(Binary binary, Scope scope)
    {
        object? left = Evaluate(binary.Left, scope);
        return binary.Operator switch
        {
            "and" => JinjaValues.IsTrue(left) ? Evaluate(binary.Right, scope) : left,
            "or" => JinjaValues.IsTrue(left) ? left : Evaluate(binary.Right, scope),
            _ => JinjaOperators.Binary(binary.Operator, left, Evaluate(binary.Right, scope)),
        };
    }

    private object Compare(Comparison comparison, Scope scope)
    {
        object? left = Evaluate(comparison.First, scope);
        foreach ((string sign, Node node) in comparison.Rest)
        {
            object? right = Evaluate(node, scope);
            if (!JinjaOperators.Holds(sign, left, right)) return false;
            left = right;
        }

        return true;
    }

    // x.items is the method where it is called or x has no such key, and the key's value otherwise.
    private static object? Attribute(object? target, Attribute attribute, bool isCalled)
    {
        string name = attribute.Id;
        switch (target)
        {
            case Undefined undefined:
                throw new JinjaValueException($"{undefined}, so it has no '{name}'.");
            case LoopState loop:
                return loop.Member(name);
            case JinjaNamespace names:
                return names.Values.TryGetValue(name, out object? value) ? value : new Undefined($"'{name}' of the namespace");
            case JinjaDict dict when !isCalled || JinjaMethods.Find(dict, name) is null:
                return dict.TryGetValue(MarkedText.Of(name), out object? found)
                    ? found
                    : JinjaMethods.Find(dict, name) ?? (object)new Undefined($"key '{name}'");
            default:
                return JinjaMethods.Find(target, name) ?? (object)new Undefined($"attribute '{name}' of {JinjaValues.TypeName(target)}");
        }
    }

    private object? Invoke(Call call, Scope scope, Callable? caller)
    {
        object? function = call.Function is Attribute attribute
            ? Attribute(Evaluate(attribute.Target, scope), attribute, isCalled: true)
            : Evaluate(call.Function, scope);
        CallArguments arguments = Arguments(call.Arguments, scope, caller);
        if (function is LoopState { Recursive: { } recursive })
        {
            object? written = recursive(arguments.Needed("iterable"));
            arguments.Done("loop");
            return written;
        }

        if (function is not Callable callable)
        {
            throw new JinjaValueException(function is Undefined undefined
                ? $"{undefined}, so it cannot be called."
                : $"{JinjaValues.TypeName(function)} cannot be called.");
        }

        object? result = callable.Body(arguments);
        arguments.Done($"'{callable.Id}'");
        return result;
    }

    private CallArguments Arguments(Argument[] arguments, Scope scope, Callable? caller = null)
    {
        List<object?> positional = [];
        Dictionary<string, object?> named = new(StringComparer.Ordinal);
        foreach (Argument argument in arguments)
        {
            object? value = Evaluate(argument.Value, scope);
            if (argument.Stars == 1) positional.AddRange(JinjaValues.Items(value));
            else if (argument.Stars == 2) AddNamed(named, value);
            else if (argument.Id is null) positional.Add(value);
            else if (!named.TryAdd(argument.Id, value)) throw new JinjaValueException($"argument '{argument.Id}' is given twice.");
        }

        return new CallArguments(positional, named, caller);
    }

    private static void AddNamed(Dictionary<string, object?> named, object? value)
    {
        if (value is not JinjaDict dict)
        {
            throw new JinjaValueException($"what follows '**' must be a dict; it is {JinjaValues.TypeName(value)}.");
        }
        foreach ((object key, object? item) in dict)
        {
            string name = JinjaValues.ToText(key).Value;
            if (!named.TryAdd(name, item)) throw new JinjaValueException($"argument '{name}' is given twice.");
        }
    }
}
