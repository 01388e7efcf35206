namespace MiniTransformer.Text.Jinja;

// What a template consists of: expressions, then statements. Each knows its line.
internal abstract record Node(int Line);

internal sealed record Literal(int Line, object? Value) : Node(Line);

internal sealed record Name(int Line, string Id) : Node(Line);

internal sealed record ListOf(int Line, Node[] Items) : Node(Line);

internal sealed record TupleOf(int Line, Node[] Items) : Node(Line);

internal sealed record DictOf(int Line, (Node Key, Node Value)[] Items) : Node(Line);

internal sealed record Unary(int Line, string Operator, Node Operand) : Node(Line);

internal sealed record Binary(int Line, string Operator, Node Left, Node Right) : Node(Line);

// a < b <= c: each pair of neighbours must hold.
internal sealed record Comparison(int Line, Node First, (string Operator, Node Right)[] Rest) : Node(Line);

internal sealed record Conditional(int Line, Node Test, Node Then, Node? Else) : Node(Line);

internal sealed record Attribute(int Line, Node Target, string Id) : Node(Line);

internal sealed record Item(int Line, Node Target, Node Index) : Node(Line);

internal sealed record Slice(int Line, Node Target, Node? From, Node? To, Node? By) : Node(Line);

// Stars: 0 a value, 1 *values, 2 **named values.
internal sealed record Argument(string? Id, Node Value, int Stars = 0);

internal sealed record Call(int Line, Node Function, Argument[] Arguments) : Node(Line);

internal sealed record Filter(int Line, Node Input, string Id, Argument[] Arguments) : Node(Line);

internal sealed record Test(int Line, Node Input, string Id, Argument[] Arguments) : Node(Line);

internal sealed record Output(int Line, Node Value) : Node(Line);

internal sealed record Assign(int Line, Node Target, Node Value) : Node(Line);

// {% set x | trim %}…{% endset %}: Filtered is a chain of filters whose innermost input is the Captured text.
internal sealed record AssignBlock(int Line, Node Target, Node Filtered, Captured Text, Node[] Body) : Node(Line);

internal sealed record FilterBlock(int Line, Node Filtered, Captured Text, Node[] Body) : Node(Line);

// Stands for what a block has written.
internal sealed record Captured(int Line) : Node(Line);

internal sealed record If(int Line, (Node? Test, Node[] Body)[] Branches) : Node(Line);

internal sealed record For(int Line, Node Target, Node Items, Node? Where, bool Recursive, Node[] Body, Node[] Else) : Node(Line);

internal sealed record Jump(int Line, Flow To) : Node(Line);

internal sealed record With(int Line, (Node Target, Node Value)[] Values, Node[] Body) : Node(Line);

internal sealed record Parameter(string Id, Node? Default);

internal sealed record Macro(int Line, string Id, Parameter[] Parameters, Node[] Body) : Node(Line);

internal sealed record CallBlock(int Line, Call Call, Macro Caller) : Node(Line);

internal sealed record Generation(int Line, Node[] Body) : Node(Line);

internal enum Flow
{
    Next,
    Continue,
    Break,
}
