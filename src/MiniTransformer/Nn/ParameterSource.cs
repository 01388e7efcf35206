using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn.Families;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// Where a module's parameters come from: a path, a device, and an origin (random numbers or a file). Modules take their
/// parameters by name, <c>new Linear(source / "q_proj", ...)</c>; the source keeps them in order for optimizer and checkpoint.
/// </summary>
public sealed class ParameterSource
{
    private const int DrawsBetweenStops = 1 << 20;

    private readonly List<Parameter> parameters;
    private readonly Func<string, Shape, Init, Parameter> make;

    private ParameterSource(Device device, List<Parameter> parameters, string path, Func<string, Shape, Init, Parameter> make,
        LoraOptions? lora = null) =>
        (Device, this.parameters, Path, this.make, Lora) = (device, parameters, path, make, lora);

    /// <summary>How a new parameter starts: normal with a deviation, or constant.</summary>
    /// <param name="Mean">Mean, or the constant.</param>
    /// <param name="Deviation">Standard deviation; 0 for a constant.</param>
    public readonly record struct Init(float Mean, float Deviation);

    /// <summary>The device that the parameters are put on.</summary>
    public Device Device { get; }

    /// <summary>The parameters taken so far, here and along every path: what the optimizer trains and a file keeps.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>What adapts the model; null where nothing does.</summary>
    internal LoraOptions? Lora { get; }

    /// <summary>The path of the module that takes parameters here.</summary>
    internal string Path { get; }

    /// <summary>Bytes that a parameter's element takes, on an average.</summary>
    internal double ElementBytes { get; private init; } = sizeof(float);

    /// <summary>New weights from a seed: the same for every device and number of threads.</summary>
    public static ParameterSource Random(Device device, ulong seed)
    {
        var parameters = new List<Parameter>();
        return new ParameterSource(device, parameters, "", (name, shape, init) =>
        {
            var parameter = new Parameter(device, name, shape, zeroed: false);
            var values = new float[shape.Count];
            if (init.Deviation == 0) Array.Fill(values, init.Mean);
            else
            {
                // One stream a parameter: its draws do not depend on the sizes of the others.
                var rng = new Rng(seed, stream: (ulong)parameters.Count);
                for (int i = 0; i < values.Length; i++)
                {
                    if (i % DrawsBetweenStops == 0) device.Stop.ThrowIfCancellationRequested();
                    values[i] = (float)(init.Mean + init.Deviation * rng.NextNormal());
                }
            }

            parameter.Set(values);
            return parameter;
        });
    }

    /// <summary>Weights of zero: for a model whose sizes alone matter, or that is filled later.</summary>
    public static ParameterSource Zeros(Device device) => new(device, [], "", (name, shape, _) => new Parameter(device, name, shape));

    /// <summary>Weights from an open file, by their names.</summary>
    public static ParameterSource From(Device device, ITensorFile file) => From(device, file, Family.Of(TransformerForm.Llama));

    /// <summary>Weights from an open file with the names and layout of a family.</summary>
    /// <param name="device">Where the parameters are put.</param>
    /// <param name="file">The file.</param>
    /// <param name="family">Whose names and layout it has.</param>
    /// <param name="trainable">Whether they are to be trained, in float32; frozen matrices stay in the file's type.</param>
    internal static ParameterSource From(Device device, ITensorFile file, Family family, bool trainable = true) =>
        new(device, [], "", (name, shape, _) => StoredWeights.Read(device, name, shape, file, family, trainable))
        {
            ElementBytes = trainable ? sizeof(float) : StoredWeights.ElementBytes(file),
        };

    /// <summary>
    /// Copies of another model's weights; those of frozen ones that are to stay frozen, on the same device, share its memory.
    /// </summary>
    /// <param name="others">The other model's parameters.</param>
    /// <param name="device">Where the copies are put.</param>
    /// <param name="trainable">Whether the copies are to be trained.</param>
    public static ParameterSource CopyOf(IReadOnlyList<Parameter> others, Device device, bool trainable = true) =>
        CopyOf(others, device, _ => trainable, null, (_, _) => null);

    /// <summary>Copies of another model's weights, adapted.</summary>
    /// <param name="others">The other model's parameters.</param>
    /// <param name="device">Where the copies are put.</param>
    /// <param name="trainable">Whether what the options train is to be trained; all else is frozen, and shared where it can be.</param>
    /// <param name="lora">What adapts the model.</param>
    /// <param name="start">The values of a parameter that are not the other model's; null for those that are.</param>
    internal static ParameterSource Adapted(IReadOnlyList<Parameter> others, Device device, bool trainable, LoraOptions lora,
        Func<string, Shape, float[]?> start) =>
        CopyOf(others, device, name => trainable && lora.Trains(name), lora, start);

    private static ParameterSource CopyOf(
        IReadOnlyList<Parameter> others, Device device, Func<string, bool> trains, LoraOptions? lora, Func<string, Shape, float[]?> start)
    {
        Dictionary<string, Parameter> byName = others.ToDictionary(p => p.Name);
        return new ParameterSource(device, [], "", (name, shape, _) =>
        {
            float[]? values = start(name, shape);
            Parameter? other = values is null ? byName[name] : byName.GetValueOrDefault(name);
            if (values is null && other!.Device == device && !trains(name)) return other.Frozen();
            var parameter = new Parameter(device, name, shape, zeroed: false)
            {
                StoredAs = other?.StoredAs
                ?? ElementType.F32,
                Trainable = trains(name)
            };
            if (values is null && other!.Device == device) parameter.CopyFrom(other);
            else parameter.Set(values ?? other!.ToArray());
            return parameter;
        }, lora)
        {
            ElementBytes = others.Any(p => trains(p.Name) || p.Trainable || p.Device != device) && lora is null ? sizeof(float) : 0,
        };
    }

    /// <summary>Copies of the weights of an adapted model, with the adapters' products added where there are any.</summary>
    internal static ParameterSource Merged(IReadOnlyList<Parameter> others, Device device, LoraOptions lora)
    {
        Dictionary<string, Parameter> byName = others.ToDictionary(p => p.Name);
        return new ParameterSource(device, [], "", (name, _, _) => Adapter.Merge(byName, name, lora));
    }

    /// <summary>
    /// Weights of zero in which each matrix that is not trained has a type of its own: for the sizes of a model that is loaded frozen, or
    /// adapted.
    /// </summary>
    internal static ParameterSource FrozenZeros(Device device, Func<string, ElementType> type, LoraOptions? lora) =>
        new(device, [], "", (name, shape, _) =>
        lora?.Trains(name) == true ? new Parameter(device, name, shape)
        : shape.Rank == 2 ? new Parameter(device, name, shape, type(name)) { StoredAs = type(name) }
        : new Parameter(device, name, shape) { Trainable = false }, lora);

    /// <summary>The same source, one step down the path.</summary>
    public static ParameterSource operator /(ParameterSource source, string name) =>
        new(source.Device, source.parameters, source.Path.Length == 0 ? name : $"{source.Path}.{name}", source.make,
            source.Lora)
        { ElementBytes = source.ElementBytes };

    /// <summary>Makes the parameter of this path and name, and fills it from the origin.</summary>
    public Parameter Take(string name, Shape shape, Init init)
    {
        Device.Stop.ThrowIfCancellationRequested();
        Parameter parameter = make(Path.Length == 0 ? name : $"{Path}.{name}", shape, init);
        parameters.Add(parameter);
        return parameter;
    }
}
