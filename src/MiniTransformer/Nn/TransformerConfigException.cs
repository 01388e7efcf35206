namespace MiniTransformer.Nn;

/// <summary>A configuration contradicts itself, asks for what is not implemented, or does not fit the weights. The message names the field
/// and its value.</summary>
public sealed class TransformerConfigException : FormatException
{
    /// <summary>Creates the error of one field (its name in config.json, such as hidden_size), or of the file as a whole.</summary>
    public TransformerConfigException(string? field, string message, Exception? cause = null)
        : base(message, cause) => Field = field;

    /// <summary>The field at fault by its name in config.json, or null if it is the file as a whole.</summary>
    public string? Field { get; }
}
