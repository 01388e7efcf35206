using System.Runtime.InteropServices;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

/// <summary>
/// A trained tensor: it outlives the steps, and its gradient adds up until the optimizer takes it. A frozen one may lie in memory in the
/// type of its file, and its copies share that memory.
/// </summary>
public sealed class Parameter : TensorOwner, IDisposable
{
    private SharedValue value;
    private Storage gradient;
    private bool trainable = true, disposed;

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
        value = new SharedValue(device.Allocate(shape.Count, zeroed));
    }

    // A frozen matrix in a type of its own, to be written.
    internal Parameter(Device device, string name, Shape shape, ElementType type)
        : this(device, name, shape, new SharedValue(device.AllocateMatrix(shape[0], shape[1], type), isMatrix: true))
    {
    }

    private Parameter(Device device, string name, Shape shape, SharedValue value) =>
        (Device, Name, Shape, this.value, trainable) = (device, name, shape, value, false);

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>The path, in Hugging Face's form.</summary>
    public string Name { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>
    /// False for a frozen model: no gradient is computed or stored. What becomes trainable is float32 from then on, and shares its
    /// memory with nobody.
    /// </summary>
    public bool Trainable
    {
        get => trainable;
        set
        {
            if (value) Own(keep: true);
            trainable = value;
        }
    }

    /// <summary>The type of the value in memory: float32 for whatever is trained.</summary>
    public ElementType Type => Value.Type;

    /// <summary>The type in which files hold the parameter: the one that it was read in, else float32.</summary>
    public ElementType StoredAs { get; set; }

    /// <summary>Counts the changes of the value; what was derived from an older version is out of date.</summary>
    public int Version => value.Version;

    /// <summary>The parameter as an operand. A gradient flows to it while it is trainable.</summary>
    public Tensor Tensor => new(this, 0, 0, Value, Shape, Trainable);

    internal Storage Value => value.Storage;

    internal PackedWeight Packed => value.Packed;

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
        Own(keep: false);
        Device.Backend.Upload(values, Value);
        Changed();
    }

    /// <summary>Replaces a part of the value.</summary>
    internal void Set(int first, ReadOnlySpan<float> values)
    {
        Own(keep: true);
        Device.Backend.Upload(values, Value.Slice(first, values.Length));
        Changed();
    }

    /// <summary>Replaces rows of a frozen matrix by what a file has, in the type that both have.</summary>
    internal void Write(int firstRow, ReadOnlySpan<byte> rows)
    {
        int row = Shape[1] * Type.Bytes();
        Device.Backend.Write(rows, Value.Slice(firstRow * Shape[1], rows.Length / row * Shape[1]));
        Changed();
    }

    /// <summary>A frozen parameter of the same value on the same device: of another frozen one it shares the memory.</summary>
    internal Parameter Frozen()
    {
        if (!Trainable) return new Parameter(Device, Name, Shape, value.Share()) { StoredAs = StoredAs };
        var copy = new Parameter(Device, Name, Shape, zeroed: false) { StoredAs = StoredAs, Trainable = false };
        copy.CopyFrom(this);
        return copy;
    }

    /// <summary>Hands over the value, piece by piece.</summary>
    internal void Read(FloatSink sink)
    {
        const int Piece = 1 << 20;
        var piece = new float[Math.Min(Piece, Shape.Count)];
        for (int first = 0; first < Shape.Count; first += Piece)
        {
            Span<float> values = piece.AsSpan(0, Math.Min(Piece, Shape.Count - first));
            Device.Backend.Download(Value.Slice(first, values.Length), values);
            sink(values);
        }
    }

    /// <summary>Replaces the value by that of a parameter of the same shape on the same device.</summary>
    public void CopyFrom(Parameter other)
    {
        if (other.Shape != Shape)
            throw new ArgumentException($"Parameter {Name}: shape {Shape} cannot take the value of shape {other.Shape}.");
        if (other.value == value) return;
        Own(keep: false);
        Device.Backend.Copy(other.Value, Value);
        Changed();
    }

    /// <summary>Whether another parameter has the same numbers, to the bit.</summary>
    internal bool HasValueOf(Parameter other)
    {
        const int Piece = 1 << 20;
        if (other.value == value) return true;
        if (other.Shape != Shape) return false;
        float[] own = new float[Math.Min(Piece, Shape.Count)], others = new float[own.Length];
        for (int first = 0; first < Shape.Count; first += Piece)
        {
            int count = Math.Min(Piece, Shape.Count - first);
            Device.Backend.Download(Value.Slice(first, count), own.AsSpan(0, count));
            other.Device.Backend.Download(other.Value.Slice(first, count), others.AsSpan(0, count));
            if (!MemoryMarshal.AsBytes(own.AsSpan(0, count)).SequenceEqual(MemoryMarshal.AsBytes(others.AsSpan(0, count)))) return false;
        }

        return true;
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
        if (disposed) return; // others may still have the value
        disposed = true;
        value.Release(Device);
        Device.Free(gradient);
    }

    // Float32 memory of its own, for a value that changes.
    private void Own(bool keep)
    {
        if (Type == ElementType.F32 && !value.IsMatrix && !value.IsShared) return;
        var own = new SharedValue(Device.Allocate(Shape.Count, zeroed: false)) { Version = Version };
        if (keep) Device.Backend.Copy(Value, own.Storage);
        value.Release(Device);
        value = own;
        Changed();
    }

    internal void Changed() => value.Version++;

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

/// <summary>The memory of a value, for all parameters that have it.</summary>
internal sealed class SharedValue(Storage storage, bool isMatrix = false)
{
    private int users = 1;

    public Storage Storage => storage;

    /// <summary>The value in the layout of products of few rows, where the backend keeps one.</summary>
    public PackedWeight Packed { get; } = new();

    /// <summary>Counts the changes, for all that have the value: its layout is one for all of them.</summary>
    public int Version { get; set; }

    /// <summary>Whether it is a matrix that is only read.</summary>
    public bool IsMatrix => isMatrix;

    public bool IsShared => Volatile.Read(ref users) > 1;

    public SharedValue Share()
    {
        Interlocked.Increment(ref users);
        return this;
    }

    /// <summary>Frees the memory with the last that had it.</summary>
    public void Release(Device device)
    {
        if (Interlocked.Decrement(ref users) > 0) return;
        Packed.Dispose();
        device.Free(storage);
    }
}
