namespace MiniTransformer.IO;

/// <summary>A safetensors file is damaged, is not one at all, or does not hold what was asked for. Nothing was loaded from it.</summary>
public sealed class SafetensorsException : FormatException
{
    /// <summary>Creates the error of one file and, where one is to blame, one tensor.</summary>
    public SafetensorsException(string file, string? tensor, string problem, Exception? cause = null)
        : base(tensor is null ? $"{file}: {problem}" : $"{file}: tensor '{Printable(tensor)}': {problem}", cause) =>
        (File, Tensor) = (file, tensor);

    /// <summary>The path of the file.</summary>
    public string File { get; }

    /// <summary>The tensor at fault, or null if the file as a whole is.</summary>
    public string? Tensor { get; }

    /// <summary>The error of a tensor whose elements are of a type that is not read.</summary>
    internal static SafetensorsException NotRead(string file, TensorEntry entry) => new(file, entry.Name,
        $"its elements are {entry.Dtype}; F32, F16 and BF16 are read: convert the file first, for example in Python: "
            + "model.float().save_pretrained(folder)");

    // A name from a damaged file may be long or hold control characters; a message must stay one readable line.
    internal static string Printable(string text)
    {
        string cut = text.Length <= 100 ? text : string.Concat(text.AsSpan(0, 100), "…");
        return string.Concat(cut.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? '\uFFFD' : c));
    }
}
