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
    private readonly string path;

    private ParameterSource(Device device, List<Parameter> parameters, string path, Func<string, Shape, Init, Parameter> make) =>
        (Device, this.parameters, this.path, this.make) = (device, parameters, path, make);

    /// <summary>How a new parameter starts: normal with a deviation, or constant.</summary>
    /// <param name="Mean">Mean, or the constant.</param>
    /// <param name="Deviation">Standard deviation; 0 for a constant.</param>
    public readonly record struct Init(float Mean, float Deviation);

    /// <summary>The device that the parameters are put on.</summary>
    public Device Device { get; }

    /// <summary>The parameters taken so far, here and along every path: what the optimizer trains and a file keeps.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

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

    /// <summary>Copies of another model's weights; those of frozen ones that are to stay frozen, on the same device, share its memory.</summary>
    /// <param name="others">The other model's parameters.</param>
    /// <param name="device">Where the copies are put.</param>
    /// <param name="trainable">Whether the copies are to be trained.</param>
    public static ParameterSource CopyOf(IReadOnlyList<Parameter> others, Device device, bool trainable = true)
    {
        Dictionary<string, Parameter> byName = others.ToDictionary(p => p.Name);
        return new ParameterSource(device, [], "", (name, shape, _) =>
        {
            Parameter other = byName[name];
            if (other.Device == device && !trainable) return other.Frozen();
            var parameter = new Parameter(device, name, shape, zeroed: false) { StoredAs = other.StoredAs, Trainable = trainable };
            if (other.Device == device) parameter.CopyFrom(other);
            else parameter.Set(other.ToArray());
            return parameter;
        })
        {
            ElementBytes = trainable || others.Any(p => p.Trainable || p.Device != device) ? sizeof(float) : 0,
        };
    }

    /// <summary>The same source, one step down the path.</summary>
    public static ParameterSource operator /(ParameterSource source, string name) =>
        new(source.Device, source.parameters, source.path.Length == 0 ? name : $"{source.path}.{name}", source.make) { ElementBytes = source.ElementBytes };

    /// <summary>Makes the parameter of this path and name, and fills it from the origin.</summary>
    public Parameter Take(string name, Shape shape, Init init)
    {
        Device.Stop.ThrowIfCancellationRequested();
        Parameter parameter = make(path.Length == 0 ? name : $"{path}.{name}", shape, init);
        parameters.Add(parameter);
        return parameter;
    }
}
