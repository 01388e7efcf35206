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
    private readonly Action<Parameter, Init> fill;
    private readonly string path;

    private ParameterSource(Device device, List<Parameter> parameters, string path, Action<Parameter, Init> fill) =>
        (Device, this.parameters, this.path, this.fill) = (device, parameters, path, fill);

    /// <summary>How a new parameter starts: normal with a deviation, or constant.</summary>
    /// <param name="Mean">Mean, or the constant.</param>
    /// <param name="Deviation">Standard deviation; 0 for a constant.</param>
    public readonly record struct Init(float Mean, float Deviation);

    /// <summary>The device that the parameters are put on.</summary>
    public Device Device { get; }

    /// <summary>The parameters taken so far, here and along every path: what the optimizer trains and a file keeps.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>New weights from a seed: the same for every device and number of threads.</summary>
    public static ParameterSource Random(Device device, ulong seed)
    {
        var parameters = new List<Parameter>();
        return new ParameterSource(device, parameters, "", (parameter, init) =>
        {
            var values = new float[parameter.Shape.Count];
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
        });
    }

    /// <summary>Weights of zero: for a model whose sizes alone matter, or that is filled later.</summary>
    public static ParameterSource Zeros(Device device) => new(device, [], "", (parameter, _) => device.Backend.Fill(parameter.Value, 0));

    /// <summary>Weights from an open file, by their names.</summary>
    public static ParameterSource From(Device device, ITensorFile file) => From(device, file, Family.Of(TransformerForm.Llama));

    /// <summary>Weights from an open file with the names and layout of a family.</summary>
    internal static ParameterSource From(Device device, ITensorFile file, Family family) =>
        new(device, [], "", (parameter, _) => StoredWeights.Fill(parameter, file, family));

    /// <summary>Copies of another model's weights.</summary>
    public static ParameterSource CopyOf(IReadOnlyList<Parameter> others, Device device)
    {
        Dictionary<string, Parameter> byName = others.ToDictionary(p => p.Name);
        return new ParameterSource(device, [], "", (parameter, _) =>
        {
            Parameter other = byName[parameter.Name];
            parameter.StoredAs = other.StoredAs;
            if (other.Device == device) parameter.CopyFrom(other);
            else parameter.Set(other.ToArray());
        });
    }

    /// <summary>The same source, one step down the path.</summary>
    public static ParameterSource operator /(ParameterSource source, string name) =>
        new(source.Device, source.parameters, source.path.Length == 0 ? name : $"{source.path}.{name}", source.fill);

    /// <summary>Makes the parameter of this path and name, and fills it from the origin.</summary>
    public Parameter Take(string name, Shape shape, Init init)
    {
        Device.Stop.ThrowIfCancellationRequested();
        var parameter = new Parameter(Device, path.Length == 0 ? name : $"{path}.{name}", shape, zeroed: false);
        fill(parameter, init);
        parameters.Add(parameter);
        return parameter;
    }
}
