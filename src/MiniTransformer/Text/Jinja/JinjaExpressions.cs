using System.Globalization;

namespace MiniTransformer.Text.Jinja;

/// <content>
/// Expressions by falling precedence, as in Jinja: if-else, or, and, not, comparisons, + and -, ~, * / // %, **, signs, filters and tests,
/// postfixes. A filter binds tighter than any operator: a + b | trim is a + (b | trim); after a sign it applies to the whole: -x | abs is
/// (-x) | abs. </content>
internal sealed partial class JinjaParser
{
    // a, b, c without parentheses is a tuple, where a statement allows it.
    private Node TupleOrOne(bool withConditional = true)
    {
        int line = Now.Line;
        Node first = withConditional ? Expression() : Or();
        if (!Now.Is(",")) return first;
        List<Node> items = [first];
        while (TakeIf(",") && Now.Kind is not (TokenKind.ExpressionEnd or TokenKind.BlockEnd))
        {
            items.Add(withConditional ? Expression() : Or());
        }
        return new TupleOf(line, [.. items]);
    }

    private Node Expression()
    {
        using Nesting nesting = new(this);
        Node value = Or();
        while (Now.Is("if"))
        {
            int line = Take().Line;
            Node test = Or();
            value = new Conditional(line, test, value, TakeIf("else") ? Expression() : null);
        }

        return value;
    }

    private Node Or() => LeftToRight(And, "or");

    private Node And() => LeftToRight(Not, "and");

    private Node Not()
    {
        if (!Now.Is("not")) return Compare();
        using Nesting nesting = new(this);
        return new Unary(Take().Line, "not", Not());
    }

    private Node Compare()
    {
        Node first = Sum();
        List<(string, Node)> rest = [];
        while (true)
        {
            if (Now.Kind == TokenKind.Symbol && Now.Text is "==" or "!=" or "<" or "<=" or ">" or ">=" || Now.Is("in"))
            {
                string comparison = Take().Text;
                rest.Add((comparison, Sum()));
            }
            else if (Now.Is("not") && tokens[at + 1].Is("in"))
            {
                at += 2;
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new Comparison(first.Line, first, [.. rest]);
            }
        }
    }

    private Node Sum() => LeftToRight(Concatenation, "+", "-");

    private Node Concatenation() => LeftToRight(Product, "~");

    private Node Product() => LeftToRight(Power, "*", "/", "//", "%");

    private Node Power() => LeftToRight(() => Signed(withFilters: true), "**");

    private Node LeftToRight(Func<Node> next, params string[] operators)
    {
        Node left = next();
        int chain = depth;
        while (Now.Kind is TokenKind.Symbol or TokenKind.Name && operators.Contains(Now.Text))
        {
            Token taken = Take();
            left = new Binary(taken.Line, taken.Text, left, next());
            CheckChain(++chain, taken.Line);
        }

        return left;
    }

    // A long chain is a deep tree, though the parser does not recurse for it.
    private static void CheckChain(int length, int line)
    {
        if (length > 5 * JinjaLimits.DeepestSource)
        {
            throw new JinjaException(line, $"an expression is a chain of more than {5 * JinjaLimits.DeepestSource} parts.");
        }
    }

    private Node Signed(bool withFilters)
    {
        Node value;
        if (Now.Kind == TokenKind.Symbol && Now.Text is "-" or "+")
        {
            using Nesting nesting = new(this);
            Token sign = Take();
            value = new Unary(sign.Line, sign.Text, Signed(withFilters: false));
        }
        else
        {
            value = Postfixes(Primary());
        }

        return withFilters ? Filters(value) : value;
    }

    private Node Primary()
    {
        using Nesting nesting = new(this);
        Token token = Take();
        int line = token.Line;
        switch (token.Kind)
        {
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Literal(line, true),
                    "false" or "False" => new Literal(line, false),
                    "none" or "None" => new Literal(line, null),
                    "and" or "or" or "not" or "if" or "else" or "elif" or "in" or "is" => throw Unexpected(token, "a value"),
                    _ => new Name(line, token.Text),
                };
            case TokenKind.String:
                string text = token.Text;
                while (Now.Kind == TokenKind.String) text += Take().Text;  // 'a' 'b' is 'ab', as in Python
                return new Literal(line, MarkedText.Of(text));
            case TokenKind.Integer:
                if (!long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long integer))
                    throw new JinjaException(line, $"the integer {token.Text} does not fit 64 bits.");
                return new Literal(line, integer);
            case TokenKind.Float:
                return new Literal(line, double.Parse(token.Text, CultureInfo.InvariantCulture));
            case TokenKind.Symbol when token.Text == "(":
                Node[] items = Items(")", out bool comma);
                return items.Length == 1 && !comma ? items[0] : new TupleOf(line, items);
            case TokenKind.Symbol when token.Text == "[":
                return new ListOf(line, Items("]", out _));
            case TokenKind.Symbol when token.Text == "{":
                return Dictionary(line);
            default:
                throw Unexpected(token, "a value");
        }
    }

    private Node[] Items(string end, out bool comma)
    {
        List<Node> items = [];
        comma = false;
        while (!TakeIf(end))
        {
            if (items.Count > 0)
            {
                Need(",");
                comma = true;
                if (TakeIf(end)) break;
            }

            items.Add(Expression());
        }

        return [.. items];
    }

    private DictOf Dictionary(int line)
    {
        List<(Node, Node)> items = [];
        while (!TakeIf("}"))
        {
            if (items.Count > 0) Need(",");
            if (TakeIf("}")) break;
            Node key = Expression();
            Need(":");
            items.Add((key, Expression()));
        }

        return new DictOf(line, [.. items]);
    }

    private Node Postfixes(Node value)
    {
        for (int chain = depth; ; CheckChain(++chain, Now.Line))
        {
            Token token = Now;
            if (TakeIf(".")) value = Member(value, token.Line);
            else if (TakeIf("[")) value = Subscript(value, token.Line);
            else if (Now.Is("(")) value = new Call(token.Line, value, Arguments());
            else return value;
        }
    }

    private Node Member(Node value, int line)
    {
        Token token = Take();
        return token.Kind switch
        {
            TokenKind.Name => new Attribute(line, value, token.Text),
            TokenKind.Integer => new Item(line, value, new Literal(line, long.Parse(token.Text, CultureInfo.InvariantCulture))),
            _ => throw Unexpected(token, "a name after '.'"),
        };
    }

    private Node Subscript(Node value, int line)
    {
        Node?[] parts = new Node?[3];
        int part = 0;
        while (!TakeIf("]"))
        {
            if (TakeIf(":"))
            {
                if (++part > 2) throw new JinjaException(line, "a slice has at most two ':'.");
            }
            else
            {
                if (parts[part] is not null) throw Unexpected(Now, "']'");
                parts[part] = Expression();
            }
        }

        return part > 0 ? new Slice(line, value, parts[0], parts[1], parts[2])
            : parts[0] is Node index ? new Item(line, value, index)
            : throw new JinjaException(line, "'[]' needs an index.");
    }

    private Argument[] Arguments()
    {
        List<Argument> arguments = [];
        Need("(");
        while (!TakeIf(")"))
        {
            if (arguments.Count > 0) Need(",");
            if (TakeIf(")")) break;
            if (TakeIf("*")) arguments.Add(new Argument(null, Expression(), 1));
            else if (TakeIf("**")) arguments.Add(new Argument(null, Expression(), 2));
            else if (Now.Kind == TokenKind.Name && tokens[at + 1].Is("=")) arguments.Add(Named());
            else if (arguments is [.., { Id: not null }]) throw new JinjaException(Now.Line, "a value without name follows a named one.");
            else arguments.Add(new Argument(null, Expression()));
        }

        return [.. arguments];
    }

    private Argument Named()
    {
        string name = NeedName();
        Need("=");
        return new Argument(name, Expression());
    }

    private Node Filters(Node value)
    {
        for (int chain = depth; ; CheckChain(++chain, Now.Line))
        {
            if (TakeIf("|")) value = OneFilter(value);
            else if (Now.Is("is")) value = IsTest(value);
            else if (Now.Is("(") && value is Filter or Test) value = new Call(Now.Line, value, Arguments());
            else return value;
        }
    }

    private Filter OneFilter(Node input)
    {
        int line = Now.Line;
        string name = NeedName();
        return new Filter(line, input, name, Now.Is("(") ? Arguments() : []);
    }

    // x is divisibleby 3: what follows a test's name without parentheses is its argument.
    private Node IsTest(Node input)
    {
        int line = Take().Line;
        bool negated = TakeIf("not");
        Token name = Take();
        if (name.Kind != TokenKind.Name && !(name.Kind == TokenKind.Symbol && name.Text is "==" or "!=" or "<" or "<=" or ">" or ">="))
        {
            throw Unexpected(name, "a test's name");
        }
        Argument[] arguments = [];
        if (Now.Is("("))
        {
            arguments = Arguments();
        }
        else if (Now.Kind is TokenKind.String or TokenKind.Integer or TokenKind.Float || Now.Is("[") || Now.Is("{") ||
            (Now.Kind == TokenKind.Name && Now.Text is not ("else" or "or" or "and" or "is" or "if" or "in" or "not" or "recursive")))
        {
            arguments = [new Argument(null, Postfixes(Primary()))];
        }

        Node test = new Test(line, input, name.Text, arguments);
        return negated ? new Unary(line, "not", test) : test;
    }
}
