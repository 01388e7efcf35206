namespace MiniTransformer.Backends;

/// <summary>The type in which a file holds weights.</summary>
public enum ElementType
{
    /// <summary>float32.</summary>
    F32,

    /// <summary>IEEE half precision: 11 significant bits, up to 65504.</summary>
    F16,

    /// <summary>bfloat16: the upper half of a float32, 8 significant bits.</summary>
    BF16,
}

/// <summary>Names and sizes of element types.</summary>
public static class ElementTypes
{
    /// <summary>PyTorch's name, as config.json has it: float32, float16, bfloat16.</summary>
    public static string Name(this ElementType type) => type switch
    {
        ElementType.F16 => "float16",
        ElementType.BF16 => "bfloat16",
        _ => "float32",
    };

    /// <summary>Bytes of one element.</summary>
    public static int Bytes(this ElementType type) => type == ElementType.F32 ? 4 : 2;

    /// <summary>The type of a safetensors dtype, or null if it is another.</summary>
    public static ElementType? Of(string dtype) => dtype switch
    {
        "F32" => ElementType.F32,
        "F16" => ElementType.F16,
        "BF16" => ElementType.BF16,
        _ => null,
    };
}
