namespace MiniTransformer.Tensors;

/// <summary>Takes the values of one tensor, piece by piece in row-major order.</summary>
public delegate void FloatSink(ReadOnlySpan<float> values);
