namespace MiniTransformer.Text.Jinja;

/// <summary>Tokens as statements: text, {{ output }} and {% blocks %}; expressions are in the other half.</summary>
internal sealed partial class JinjaParser
{
    private readonly List<Token> tokens;
    private int at;
    private int depth;
    private int loops;

    private JinjaParser(List<Token> tokens) => this.tokens = tokens;

    private Token Now => tokens[at];

    /// <summary>The statements of a template.</summary>
    /// <exception cref="JinjaException">The template is not Jinja, or uses what is not implemented.</exception>
    public static Node[] Parse(string template)
    {
        JinjaParser parser = new(JinjaLexer.Read(template));
        return parser.Body();
    }

    // Statements up to a block of one of these names (whose begin and name are consumed), or up to the template's end where there is none.
    private Node[] Body(params string[] ends) => Body(out _, ends);

    private Node[] Body(out string end, params string[] ends)
    {
        using Nesting nesting = new(this);
        List<Node> body = [];
        int opened = tokens[Math.Max(0, at - 1)].Line;
        while (true)
        {
            Token token = Take();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    body.Add(new Output(token.Line, new Literal(token.Line, MarkedText.Of(token.Text))));
                    break;
                case TokenKind.ExpressionBegin:
                    body.Add(new Output(token.Line, TupleOrOne()));
                    Need(TokenKind.ExpressionEnd);
                    break;
                case TokenKind.BlockBegin when Now.Kind == TokenKind.Name && ends.Contains(Now.Text):
                    end = Take().Text;
                    return [.. body];
                case TokenKind.BlockBegin:
                    body.Add(Statement(ends));
                    break;
                case TokenKind.End when ends.Length == 0:
                    end = "";
                    return [.. body];
                default:
                    throw new JinjaException(opened,
                        $"the block that begins here has no {string.Join(" or ", ends.Select(e => $"'{e}'"))}.");
            }
        }
    }

    private Node Statement(string[] ends)
    {
        Token name = Take();
        if (name.Kind != TokenKind.Name) throw Unexpected(name, "a statement's name");
        Node statement = name.Text switch
        {
            "set" => SetStatement(name.Line),
            "if" => IfStatement(name.Line),
            "for" => ForStatement(name.Line),
            "macro" => MacroStatement(name.Line),
            "call" => CallStatement(name.Line),
            "filter" => FilterStatement(name.Line),
            "with" => WithStatement(name.Line),
            "generation" => new Generation(name.Line, Block("endgeneration")),
            "break" or "continue" when loops > 0 => new Jump(name.Line, name.Text == "break" ? Flow.Break : Flow.Continue),
            "break" or "continue" => throw new JinjaException(name.Line, $"'{name.Text}' stands outside a loop."),
            "include" or "import" or "from" or "extends" or "block" or "do" or "autoescape" or "trans" =>
                throw new JinjaException(name.Line, $"the statement '{name.Text}' is not implemented; chat templates have none of it."),
            _ => throw new JinjaException(name.Line, ends.Length == 0 && name.Text.StartsWith("end", StringComparison.Ordinal)
                ? $"'{name.Text}' ends no block."
                : $"there is no statement '{name.Text}'"
                + (ends.Length == 0 ? "." : $"; the open block waits for {string.Join(" or ", ends.Select(e => $"'{e}'"))}.")),
        };
        Need(TokenKind.BlockEnd);
        return statement;
    }

    // The body of a block whose tag is read up to its end.
    private Node[] Block(params string[] ends)
    {
        Need(TokenKind.BlockEnd);
        return Body(ends);
    }

    private Node SetStatement(int line)
    {
        Node target = Targets();
        if (TakeIf("=")) return new Assign(line, target, TupleOrOne());
        Captured text = new(line);
        Node filtered = Filters(text);
        return new AssignBlock(line, target, filtered, text, Block("endset"));
    }

    private FilterBlock FilterStatement(int line)
    {
        Captured text = new(line);
        Node filtered = Filters(OneFilter(text));
        return new FilterBlock(line, filtered, text, Block("endfilter"));
    }

    private If IfStatement(int line)
    {
        List<(Node?, Node[])> branches = [];
        Node? test = TupleOrOne();
        while (true)
        {
            Need(TokenKind.BlockEnd);
            string[] ends = test is null ? ["endif"] : ["elif", "else", "endif"];
            Node[] body = Body(out string end, ends);
            branches.Add((test, body));
            if (end == "endif") return new If(line, [.. branches]);
            test = end == "elif" ? TupleOrOne() : null;
        }
    }

    private For ForStatement(int line)
    {
        Node target = Targets();
        if (!TakeIf("in")) throw Unexpected(Now, "'in'");
        Node items = TupleOrOne(withConditional: false);
        Node? where = TakeIf("if") ? Expression() : null;
        bool recursive = TakeIf("recursive");
        Need(TokenKind.BlockEnd);
        loops++;
        Node[] body = Body(out string end, "else", "endfor");
        loops--;
        return new For(line, target, items, where, recursive, body, end == "else" ? Block("endfor") : []);
    }

    private Macro MacroStatement(int line)
    {
        string name = NeedName();
        return new Macro(line, name, Parameters(), MacroBody("endmacro"));
    }

    private CallBlock CallStatement(int line)
    {
        Parameter[] parameters = Now.Is("(") ? Parameters() : [];
        if (Expression() is not Call call) throw new JinjaException(line, "'call' needs the call of a macro.");
        return new CallBlock(line, call, new Macro(line, "caller", parameters, MacroBody("endcall")));
    }

    private Node[] MacroBody(string end)
    {
        (int outer, loops) = (loops, 0);
        Node[] body = Block(end);
        loops = outer;
        return body;
    }

    private Parameter[] Parameters()
    {
        List<Parameter> parameters = [];
        Need("(");
        while (!TakeIf(")"))
        {
            if (parameters.Count > 0) Need(",");
            if (TakeIf(")")) break;
            string name = NeedName();
            Node? value = TakeIf("=") ? Expression() : null;
            if (value is null && parameters is [.., { Default: not null }])
                throw new JinjaException(Now.Line, $"parameter '{name}' has no default and follows one that has.");
            parameters.Add(new Parameter(name, value));
        }

        return [.. parameters];
    }

    private With WithStatement(int line)
    {
        List<(Node, Node)> values = [];
        while (Now.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0) Need(",");
            Node target = OneTarget();
            Need("=");
            values.Add((target, Expression()));
        }

        return new With(line, [.. values], Block("endwith"));
    }

    // a, (b, c) or ns.a: what set and for assign to.
    private Node Targets()
    {
        Node first = OneTarget();
        if (!Now.Is(",")) return first;
        List<Node> targets = [first];
        while (TakeIf(",") && !Now.Is("in") && !Now.Is("=")) targets.Add(OneTarget());
        return new TupleOf(first.Line, [.. targets]);
    }

    private Node OneTarget()
    {
        using Nesting nesting = new(this);
        if (TakeIf("("))
        {
            Node inner = Targets();
            Need(")");
            return inner;
        }

        int line = Now.Line;
        string name = NeedName();
        if (name is "true" or "false" or "none" or "True" or "False" or "None")
        {
            throw new JinjaException(line, $"'{name}' cannot be assigned to.");
        }
        return TakeIf(".") ? new Attribute(line, new Name(line, name), NeedName()) : new Name(line, name);
    }

    private Token Take() => at < tokens.Count - 1 ? tokens[at++] : tokens[at];

    private bool TakeIf(string symbolOrName)
    {
        bool found = Now.Is(symbolOrName);
        if (found) at++;
        return found;
    }

    private void Need(string symbol)
    {
        if (!TakeIf(symbol)) throw Unexpected(Now, $"'{symbol}'");
    }

    private void Need(TokenKind kind)
    {
        Token token = Take();
        if (token.Kind != kind) throw Unexpected(token, kind == TokenKind.BlockEnd ? "'%}'" : "'}}'");
    }

    private string NeedName()
    {
        Token token = Take();
        return token.Kind == TokenKind.Name ? token.Text : throw Unexpected(token, "a name");
    }

    private static JinjaException Unexpected(Token token, string needed) => new(token.Line, $"{token} stands where {needed} is needed.");

    // Keeps the parser's own recursion, and with it the interpreter's, within the stack.
    private readonly ref struct Nesting
    {
        private readonly JinjaParser parser;

        public Nesting(JinjaParser parser)
        {
            this.parser = parser;
            if (++parser.depth > JinjaLimits.DeepestSource)
                throw new JinjaException(parser.Now.Line, $"blocks and expressions are nested deeper than {JinjaLimits.DeepestSource}.");
        }

        public void Dispose() => parser.depth--;
    }
}
