using MiniTransformer.Backends;

namespace MiniTransformer.Tensors;

/// <summary>Who keeps a tensor's memory and gradient: the step's tape, or a parameter.</summary>
public abstract class TensorOwner
{
    /// <summary>The device that the memory is on.</summary>
    public abstract Device Device { get; }

    /// <summary>False if the step that made the tensor is over.</summary>
    internal abstract bool IsLive(int generation);

    /// <summary>Throws if the step that made the tensor is over.</summary>
    internal void CheckLive(int generation)
    {
        if (!IsLive(generation))
            throw new ObjectDisposedException(
                nameof(Tensor),
                "This tensor belongs to a step that is over. Take values out with ToArray() or Item() before the tape is disposed.");
    }

    /// <summary>The gradient of the owner's tensor; zeros at first.</summary>
    internal abstract Storage Gradient(int index, int length);

    /// <summary>
    /// The gradient for a kernel that can either overwrite or add: <paramref name="accumulate"/> is false if nothing was added yet
    /// and the memory is uninitialised. Spares one pass of zeros.
    /// </summary>
    internal abstract Storage Gradient(int index, int length, out bool accumulate);
}

/// <summary>
/// A contiguous, row-major array of float32 on a device. A tensor is a light handle: its memory belongs to the step's tape, and
/// using it after the step is an <see cref="ObjectDisposedException"/>.
/// </summary>
public readonly struct Tensor
{
    private readonly Storage data;
    private readonly int generation;

    internal Tensor(TensorOwner owner, int index, int generation, Storage data, Shape shape, bool needsGrad)
    {
        Owner = owner;
        Index = index;
        this.generation = generation;
        this.data = data;
        Shape = shape;
        NeedsGrad = needsGrad;
    }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>True if a gradient flows back to this tensor.</summary>
    public bool NeedsGrad { get; }

    /// <summary>True for the default value, which stands for "no tensor".</summary>
    public bool IsNone => Owner is null;

    /// <summary>Who keeps the memory: the step's tape, or the parameter.</summary>
    public TensorOwner Owner { get; }

    internal int Index { get; }

    /// <summary>The elements where they lie on the device, for the verbs of an <see cref="IBackend"/>.</summary>
    /// <exception cref="ObjectDisposedException">The step that made the tensor is over.</exception>
    public Storage Storage
    {
        get
        {
            if (Owner is null) throw new InvalidOperationException("This tensor is the default value and holds nothing.");
            Owner.CheckLive(generation);
            return data;
        }
    }

    /// <summary>The gradient where it lies on the device, zeros at first: to add to. None if no gradient is needed.</summary>
    public Storage GradStorage => NeedsGrad ? Owner.Gradient(Index, Shape.Count) : default;

    /// <summary>Copies the elements from the device, row by row.</summary>
    public float[] ToArray()
    {
        var values = new float[Shape.Count];
        CopyTo(values);
        return values;
    }

    /// <summary>Copies the elements into <paramref name="values"/>, which must be as long as the tensor.</summary>
    public void CopyTo(Span<float> values)
    {
        if (values.Length != Shape.Count)
            throw new ArgumentException($"CopyTo: a tensor of shape {Shape} has {Shape.Count} elements, the destination {values.Length}.");
        Owner.Device.Backend.Download(Storage, values);
    }

    /// <summary>The only element of a tensor that has just one, such as a loss.</summary>
    public float Item()
    {
        if (Shape.Count != 1) throw new InvalidOperationException($"Item: the tensor has shape {Shape}, not one element; use ToArray().");
        Span<float> value = stackalloc float[1];
        CopyTo(value);
        return value[0];
    }

    /// <summary>A copy of the gradient after Backward; zeros if nothing reached this tensor.</summary>
    public float[] GradToArray()
    {
        if (!NeedsGrad) throw new InvalidOperationException("GradToArray: this tensor takes no gradient.");
        var values = new float[Shape.Count];
        Owner.CheckLive(generation);
        Owner.Device.Backend.Download(Owner.Gradient(Index, Shape.Count), values);
        return values;
    }

    /// <summary>
    /// The shape, and the elements; of a large tensor those at the ends of each dimension, which alone are read from the device.
    /// </summary>
    public override string ToString()
    {
        if (IsNone) return "no tensor";
        if (!Owner.IsLive(generation)) return $"{Shape} of a step that is over";
        (Device device, Storage storage) = (Owner.Device, data);
        return TensorText.Of(Shape, (first, count) =>
        {
            var values = new float[count];
            if (count > 0) device.Backend.Download(storage.Slice(first, count), values);
            return Array.ConvertAll(values, TensorText.Number);
        });
    }

    /// <summary>
    /// The gradient for a verb that can either overwrite or add, such as a matrix product: spares the pass of zeros where this is the
    /// first to reach it.
    /// </summary>
    /// <param name="accumulate">False if nothing was added yet: the memory is uninitialised, and all of it must be written.</param>
    public Storage TakeGradStorage(out bool accumulate) => Owner.Gradient(Index, Shape.Count, out accumulate);

    internal Tensor WithShape(Shape shape) => new(Owner, Index, generation, data, shape, NeedsGrad);
}

/// <summary>Token ids or row numbers on a device: their own type, so that the compiler tells them from numbers.</summary>
public readonly struct TokenIds
{
    private readonly Storage data;
    private readonly int generation;

    internal TokenIds(TensorOwner owner, int generation, Storage data, Shape shape, int smallest, int largest) =>
        (Owner, this.generation, this.data, Shape, Smallest, Largest) = (owner, generation, data, shape, smallest, largest);

    /// <summary>The extents, such as (N).</summary>
    public Shape Shape { get; }

    /// <summary>The step's tape.</summary>
    public TensorOwner Owner { get; }

    /// <summary>
    /// The smallest id, known from when they were put on the device: ops check the range against the rows that the ids name.
    /// </summary>
    public int Smallest { get; }

    /// <summary>The largest id.</summary>
    public int Largest { get; }

    /// <summary>The ids where they lie on the device.</summary>
    public Storage Storage
    {
        get
        {
            if (Owner is null) throw new InvalidOperationException("These token ids are the default value and hold nothing.");
            Owner.CheckLive(generation);
            return data;
        }
    }

    /// <summary>The shape, and the ids; of many those at the ends.</summary>
    public override string ToString()
    {
        if (Owner is null) return "no ids";
        if (!Owner.IsLive(generation)) return $"{Shape} of a step that is over";
        (Device device, Storage storage) = (Owner.Device, data);
        return TensorText.Of(Shape, (first, count) =>
        {
            var ids = new int[count];
            if (count > 0) device.Backend.Download(storage.Slice(first, count), ids);
            return Array.ConvertAll(ids, id => id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        });
    }

    /// <summary>Some of a list of ids.</summary>
    internal TokenIds Slice(int start, int length) =>
        length == Shape.Count ? this : new(Owner, generation, data.Slice(start, length), new Shape(length), Smallest, Largest);

    /// <summary>Copies the ids from the device.</summary>
    public int[] ToArray()
    {
        var ids = new int[Shape.Count];
        Owner.Device.Backend.Download(Storage, ids);
        return ids;
    }
}
