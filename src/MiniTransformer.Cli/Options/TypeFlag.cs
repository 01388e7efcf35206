using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Cli.Options;

/// <summary>--save-dtype: in which type weights are written.</summary>
internal static class TypeFlag
{
    /// <summary>The flag; a run that is resumed may change it.</summary>
    public static Flag<string?> Create() => new(
        "--save-dtype",
        "type of the weights in the models that are written: float32, float16 or bfloat16; last, to resume from, is always float32 "
            + "[default: as they came]",
        text => Type(text) is not null ? text : throw new UsageException($"'{text}' is none of float32, float16, bfloat16."))
    { HelpName = "TYPE", MayChange = true };

    /// <summary>The type of a name; null for none.</summary>
    public static ElementType? Type(string? name) => name is null ? null : Array.Find(
        [ElementType.F32, ElementType.F16, ElementType.BF16], type => type.Name() == name) is var found && found.Name() == name
            ? found
            : null;
}
