namespace MiniTransformer.IO;

/// <summary>Tensors by name, in one file or in several that belong together.</summary>
public interface ITensorFile : IDisposable
{
    /// <summary>The path of the file, or of the index of several.</summary>
    string Path { get; }

    /// <summary>The tensors by name.</summary>
    IReadOnlyDictionary<string, TensorEntry> Entries { get; }

    /// <summary>Free text that the file holds.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The description of a tensor.</summary>
    /// <exception cref="SafetensorsException">There is no tensor of that name.</exception>
    TensorEntry Entry(string name);

    /// <summary>Reads a part of a tensor of float32, float16 or bfloat16, row-major; the latter widen exactly.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="first">The first element.</param>
    /// <param name="into">Takes as many as it is long.</param>
    /// <exception cref="SafetensorsException">There is no such tensor, or its elements are of another type.</exception>
    void ReadFloat32(string name, long first, Span<float> into);

    /// <summary>
    /// Reads a part of a tensor of float32, float16 or bfloat16, row-major, in its own type, as this machine has its bytes.
    /// </summary>
    /// <param name="name">The tensor.</param>
    /// <param name="first">The first element.</param>
    /// <param name="into">Takes as many elements as it has room for.</param>
    /// <exception cref="SafetensorsException">There is no such tensor, or its elements are of another type.</exception>
    void ReadElements(string name, long first, Span<byte> into);
}
