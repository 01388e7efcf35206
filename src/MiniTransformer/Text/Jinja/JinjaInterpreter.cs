using System.Runtime.CompilerServices;

namespace MiniTransformer.Text.Jinja;

/// <summary>Names and what they stand for; a loop's body and a macro have a scope of their own, which ends with them.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> values = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => values[name] = value;

    public object? Find(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.values.TryGetValue(name, out object? value)) return value;
        }

        return new Undefined($"'{name}'");
    }

    private Scope? Outer => outer;
}

/// <summary>Runs a template's statements; expressions are in the other half.</summary>
internal sealed partial class JinjaInterpreter(JinjaLimits limits, DateTime now)
{
    private MarkedTextBuilder output = new();
    private int calls;

    /// <summary>What the statements write with these variables.</summary>
    public MarkedText Run(Node[] template, IEnumerable<KeyValuePair<string, object?>> variables)
    {
        Scope scope = new(null);
        foreach ((string name, object? value) in JinjaGlobals.All(now)) scope.Set(name, value);
        foreach ((string name, object? value) in variables) scope.Set(name, value);
        Execute(template, new Scope(scope));
        return output.ToText();
    }

    private Flow Execute(Node[] body, Scope scope)
    {
        foreach (Node statement in body)
        {
            Flow flow = At(statement, () => Execute(statement, scope));
            if (flow != Flow.Next) return flow;
        }

        return Flow.Next;
    }

    private Flow Execute(Node statement, Scope scope)
    {
        limits.Step();
        switch (statement)
        {
            case Output write:
                output.Append((MarkedText)limits.Made(JinjaValues.ToText(Evaluate(write.Value, scope)))!);
                break;
            case Assign set:
                Assign(set.Target, Evaluate(set.Value, scope), scope);
                break;
            case AssignBlock set:
                Assign(set.Target, FilteredBody(set.Filtered, set.Text, set.Body, scope), scope);
                break;
            case FilterBlock filter:
                output.Append(JinjaValues.ToText(FilteredBody(filter.Filtered, filter.Text, filter.Body, scope)));
                break;
            case If choice:
                (Node?, Node[] Body) taken = Array.Find(choice.Branches, branch =>
                    branch.Test is null || JinjaValues.IsTrue(Evaluate(branch.Test, scope)));
                return taken.Body is null ? Flow.Next : Execute(taken.Body, scope);
            case For loop:
                Loop(loop, Evaluate(loop.Items, scope), scope, 1);
                break;
            case Jump jump:
                return jump.To;
            case With with:
                Scope inner = new(scope);
                foreach ((Node target, Node value) in with.Values) Assign(target, Evaluate(value, inner), inner);
                return Execute(with.Body, inner);
            case Macro macro:
                scope.Set(macro.Id, MacroOf(macro, scope));
                break;
            case CallBlock block:
                output.Append(JinjaValues.ToText(Evaluate(block.Call, scope, MacroOf(block.Caller, scope))));
                break;
            case Generation generation:
                output.Generating++;
                Flow flow = Execute(generation.Body, scope);
                output.Generating--;
                return flow;
        }

        return Flow.Next;
    }

    // What a body writes, as a value.
    private MarkedText Capture(Node[] body, Scope scope)
    {
        (MarkedTextBuilder outer, output) = (output, new MarkedTextBuilder());
        Execute(body, scope);
        MarkedText written = output.ToText();
        output = outer;
        return written;
    }

    private object? FilteredBody(Node filtered, Captured text, Node[] body, Scope scope)
    {
        MarkedText written = Capture(body, new Scope(scope));
        captured[text] = written;
        return Evaluate(filtered, scope);
    }

    private static void Assign(Node target, object? value, Scope scope)
    {
        switch (target)
        {
            case Name name:
                scope.Set(name.Id, value);
                break;
            case Attribute { Target: Name owner } attribute:
                if (scope.Find(owner.Id) is not JinjaNamespace names) throw new JinjaValueException($"'{owner.Id}' is no namespace, so "
                    + $"nothing can be assigned to '{owner.Id}.{attribute.Id}'.");
                names.Values[attribute.Id] = value;
                break;
            case TupleOf tuple:
                IList<object?> items = JinjaValues.Items(value);
                if (items.Count != tuple.Items.Length)
                {
                    throw new JinjaValueException($"{items.Count} values for {tuple.Items.Length} names.");
                }
                for (int i = 0; i < items.Count; i++) Assign(tuple.Items[i], items[i], scope);
                break;
        }
    }

    private void Loop(For loop, object? over, Scope scope, int depth)
    {
        IList<object?> items = JinjaValues.Items(over);
        if (loop.Where is not null)
        {
            items = items.Where(item =>
            {
                Scope tested = new(scope);
                Assign(loop.Target, item, tested);
                return JinjaValues.IsTrue(Evaluate(loop.Where, tested));
            }).ToArray();
        }

        LoopState state = new(items, depth, loop.Recursive ? inner => Recursive(loop, inner, scope, depth + 1) : null);
        for (; state.Index < items.Count; state.Index++)
        {
            limits.Step();
            Scope body = new(scope);
            body.Set("loop", state);
            Assign(loop.Target, items[state.Index], body);
            if (Execute(loop.Body, body) == Flow.Break) return;
        }

        if (items.Count == 0) Execute(loop.Else, scope);
    }

    private MarkedText Recursive(For loop, object? over, Scope scope, int depth)
    {
        if (depth > JinjaLimits.DeepestCall) throw new JinjaValueException($"a recursive loop is deeper than {JinjaLimits.DeepestCall}.");
        (MarkedTextBuilder outer, output) = (output, new MarkedTextBuilder());
        Loop(loop, over, scope, depth);
        MarkedText written = output.ToText();
        output = outer;
        return written;
    }

    private Callable MacroOf(Macro macro, Scope scope) => new(macro.Id, arguments =>
    {
        if (++calls > JinjaLimits.DeepestCall)
        {
            throw new JinjaValueException($"macro '{macro.Id}' calls itself deeper than {JinjaLimits.DeepestCall}.");
        }
        Scope body = new(scope);
        foreach (Parameter parameter in macro.Parameters)
        {
            object? value = arguments.Next(parameter.Id, out bool given);
            body.Set(parameter.Id, given ? value : parameter.Default
                is null ? new Undefined($"parameter '{parameter.Id}'") : Evaluate(parameter.Default, body));
        }

        body.Set("caller", arguments.Caller ?? (object)new Undefined("'caller'"));
        body.Set("varargs", arguments.RestOfPositional().ToArray());
        body.Set("kwargs", arguments.RestOfNamed());
        MarkedText written = Capture(macro.Body, body);
        calls--;
        return written;
    });

    // Errors of values get the line of the innermost statement or expression that they arose in.
    private static T At<T>(Node node, Func<T> work)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            return work();
        }
        catch (JinjaValueException e)
        {
            throw new JinjaException(node.Line, e.Message, e);
        }
        catch (OverflowException e)
        {
            throw new JinjaException(node.Line, "the result does not fit an integer of 64 bits.", e);
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException(node.Line, "blocks, expressions and macro calls are nested too deep.", e);
        }
    }
}

/// <summary>The variable 'loop' of a for loop.</summary>
internal sealed class LoopState(IList<object?> items, int depth, Func<object?, MarkedText>? recursive)
{
    private object? last = new Undefined("loop.changed");

    public int Index { get; set; }

    public Func<object?, MarkedText>? Recursive => recursive;

    public object? Member(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)items.Count - Index,
        "revindex0" => items.Count - Index - 1L,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "depth" => (long)depth,
        "depth0" => depth - 1L,
        "previtem" => Index > 0 ? items[Index - 1] : new Undefined("loop.previtem of the first item"),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new Undefined("loop.nextitem of the last item"),
        "cycle" => new Callable("loop.cycle", arguments =>
        {
            object?[] values = [.. arguments.RestOfPositional()];
            return values.Length > 0 ? values[Index % values.Length] : throw new JinjaValueException("loop.cycle needs a value.");
        }),
        "changed" => new Callable("loop.changed", arguments =>
        {
            object?[] values = [.. arguments.RestOfPositional()];
            bool changed = !JinjaValues.AreEqual(last, values);
            last = values;
            return changed;
        }),
        _ => new Undefined($"'loop.{name}'"),
    };
}
