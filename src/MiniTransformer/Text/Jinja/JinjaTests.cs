namespace MiniTransformer.Text.Jinja;

/// <summary>Jinja's tests: x is defined, x is divisibleby 3.</summary>
internal static class JinjaTests
{
    public static bool Apply(string name, object? input, CallArguments arguments) => name switch
    {
        "defined" => input is not Undefined,
        "undefined" => input is Undefined,
        "none" => input is null,
        "boolean" => input is bool,
        "true" => input is true,
        "false" => input is false,
        "integer" => input is long,
        "float" => input is double,
        "number" => JinjaValues.IsNumber(input, out _),
        "string" => input is MarkedText,
        "mapping" => input is JinjaDict,
        "sequence" => input is MarkedText or IList<object?> or JinjaDict or Undefined,
        "iterable" => input is MarkedText or IList<object?> or JinjaDict or Undefined,
        "callable" => input is Callable,
        "sameas" => input is bool or null or long or MarkedText
            ? JinjaValues.AreEqual(input, arguments.Needed("other"))
            : ReferenceEquals(input, arguments.Needed("other")),
        "eq" or "equalto" or "==" => JinjaOperators.Holds("==", input, arguments.Needed("b")),
        "ne" or "!=" => JinjaOperators.Holds("!=", input, arguments.Needed("b")),
        "lt" or "lessthan" or "<" => JinjaOperators.Holds("<", input, arguments.Needed("b")),
        "le" or "<=" => JinjaOperators.Holds("<=", input, arguments.Needed("b")),
        "gt" or "greaterthan" or ">" => JinjaOperators.Holds(">", input, arguments.Needed("b")),
        "ge" or ">=" => JinjaOperators.Holds(">=", input, arguments.Needed("b")),
        "in" => JinjaValues.Contains(arguments.Needed("seq"), input),
        "odd" => Remainder(input, 2L) != 0,
        "even" => Remainder(input, 2L) == 0,
        "divisibleby" => Remainder(input, arguments.Needed("num")) == 0,
        "lower" => JinjaMethods.IsLower(JinjaValues.ToText(input).Value),
        "upper" => JinjaMethods.IsUpper(JinjaValues.ToText(input).Value),
        "escaped" => false,
        _ => throw new JinjaValueException($"there is no test '{name}'."),
    };

    private static double Remainder(object? input, object? divisor) =>
        JinjaValues.IsNumber(JinjaOperators.Binary("%", input is MarkedText ? new Undefined("a string as a number") : input, divisor),
            out double remainder) ? remainder : double.NaN;
}
