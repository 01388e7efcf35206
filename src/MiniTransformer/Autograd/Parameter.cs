using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

/// <summary>A trained tensor: it outlives the steps, and its gradient adds up until the optimizer takes it.</summary>
public sealed class Parameter : TensorOwner, IDisposable
{
    private readonly Storage value;
    private Storage gradient;

    /// <summary>A parameter of zeros.</summary>
    /// <param name="device">Where it lies.</param>
    /// <param name="name">Its path, Hugging Face's name, such as model.norm.weight.</param>
    /// <param name="shape">Its extents; a linear layer's weight is (out, in).</param>
    public Parameter(Device device, string name, Shape shape)
        : this(device, name, shape, zeroed: true)
    {
    }

    // Without zeros where the whole value is set before it is read: memory that is touched once is had in half the time.
    internal Parameter(Device device, string name, Shape shape, bool zeroed)
    {
        Device = device;
        Name = name;
        Shape = shape;
        value = device.Allocate(shape.Count, zeroed);
    }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>The path, in Hugging Face's form.</summary>
    public string Name { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>False for a frozen model: no gradient is computed or stored.</summary>
    public bool Trainable { get; set; } = true;

    /// <summary>The type in which files hold the parameter: the one that it was read in, else float32. In memory it is float32.</summary>
    public ElementType StoredAs { get; set; }

    /// <summary>Counts the changes of the value; what was derived from an older version is out of date.</summary>
    public int Version { get; private set; }

    /// <summary>The parameter as an operand. A gradient flows to it while it is trainable.</summary>
    public Tensor Tensor => new(this, 0, 0, value, Shape, Trainable);

    internal Storage Value => value;

    internal PackedWeight Packed { get; } = new();

    /// <summary>Parameters are operands.</summary>
    public static implicit operator Tensor(Parameter parameter) => parameter.Tensor;

    /// <summary>Copies the value from the device.</summary>
    public float[] ToArray() => Tensor.ToArray();

    /// <summary>A copy of the gradient that has added up.</summary>
    public float[] GradientToArray()
    {
        var values = new float[Shape.Count];
        Device.Backend.Download(Gradient(0, Shape.Count), values);
        return values;
    }

    /// <summary>Replaces the value.</summary>
    public void Set(ReadOnlySpan<float> values)
    {
        if (values.Length != Shape.Count)
            throw new ArgumentException($"Parameter {Name}: shape {Shape} needs {Shape.Count} values, not {values.Length}.");
        Device.Backend.Upload(values, value);
        Changed();
    }

    /// <summary>Replaces a part of the value.</summary>
    internal void Set(int first, ReadOnlySpan<float> values)
    {
        Device.Backend.Upload(values, value.Slice(first, values.Length));
        Changed();
    }

    /// <summary>Hands over the value, piece by piece.</summary>
    internal void Read(FloatSink sink)
    {
        const int Piece = 1 << 20;
        var piece = new float[Math.Min(Piece, Shape.Count)];
        for (int first = 0; first < Shape.Count; first += Piece)
        {
            Span<float> values = piece.AsSpan(0, Math.Min(Piece, Shape.Count - first));
            Device.Backend.Download(value.Slice(first, values.Length), values);
            sink(values);
        }
    }

    /// <summary>Replaces the value by that of a parameter of the same shape on the same device.</summary>
    public void CopyFrom(Parameter other)
    {
        if (other.Shape != Shape) throw new ArgumentException($"Parameter {Name}: shape {Shape} cannot take the value of shape {other.Shape}.");
        Device.Backend.Copy(other.value, value);
        Changed();
    }

    /// <summary>The name, the shape and the elements; of a large parameter those at the ends of each dimension.</summary>
    public override string ToString() => $"{Name} {Tensor}";

    /// <summary>Sets the gradient to zero. The optimizer's step does this too.</summary>
    public void ZeroGradient()
    {
        if (!gradient.IsNone) Device.Backend.Fill(gradient, 0);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Packed.Dispose();
        Device.Free(value);
        Device.Free(gradient);
    }

    internal void Changed() => Version++;

    internal override bool IsLive(int generation) => true;

    internal override Storage Gradient(int index, int length)
    {
        if (gradient.IsNone) gradient = Device.Allocate(Shape.Count);
        return gradient;
    }

    internal override Storage Gradient(int index, int length, out bool accumulate)
    {
        accumulate = true;
        return Gradient(index, length);
    }
}
