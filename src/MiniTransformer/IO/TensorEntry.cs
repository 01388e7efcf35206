namespace MiniTransformer.IO;

/// <summary>One tensor of a safetensors file, as its header describes it.</summary>
/// <param name="Name">Its name, such as model.norm.weight.</param>
/// <param name="Dtype">Its element type as the format writes it: F32, BF16, I64 ...</param>
/// <param name="Shape">Its sizes, outermost first; empty for a scalar.</param>
/// <param name="Start">First byte, counted from the end of the header.</param>
/// <param name="End">One past the last byte, counted from the end of the header.</param>
public sealed record TensorEntry(string Name, string Dtype, long[] Shape, long Start, long End)
{
    /// <summary>Number of elements: the product of the sizes.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Bits of one element of a dtype of the format, or 0 if the format has no such dtype.</summary>
    internal static int BitsOf(string dtype) => dtype switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "I64" or "U64" or "F64" or "C64" => 64,
        _ => 0,
    };

    /// <summary>A shape as text: (8, 64), or () for a scalar.</summary>
    internal static string Show(IReadOnlyCollection<long> shape) => $"({string.Join(", ", shape)})";
}
