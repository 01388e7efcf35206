using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace Outside;

/// <summary>An own module, from own ops, own parameters and layers of the library: softcap(scale ⊙ W₂ gelu(norm(W₁ x + b))).</summary>
public sealed class CappedNetwork
{
    private readonly Norm norm;
    private readonly Linear up;
    private readonly Linear down;
    private readonly Parameter scale;
    private readonly ParameterSource source;

    /// <summary>Takes its parameters from a source: random numbers, or a file.</summary>
    public CappedNetwork(ParameterSource source, int dIn, int inner, int dOut)
    {
        this.source = source;
        up = new Linear(source / "up", dIn, inner, deviation: 0.5f, biased: true);
        norm = new Norm(source / "norm", NormKind.Layer, inner, epsilon: 1e-5f);
        down = new Linear(source / "down", inner, dOut, deviation: 0.3f);
        scale = source.Take("scale", new Shape(dOut), new(Mean: 1, Deviation: 0));
    }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<Parameter> Parameters => source.Parameters;

    /// <summary>(N, in) → (N, out).</summary>
    public Tensor Forward(Tensor x) => down.Forward(norm.Forward(up.Forward(x)).Gelu()).MultiplyRow(scale).SoftCap(3);

    /// <summary>Writes the parameters into a file of safetensors.</summary>
    public void Save(string path) =>
        SafetensorsWriter.Write(path, Parameters.Select(p => new TensorData(p.Name, p.Shape.ToArray(), p.ToArray())));

    /// <summary>Reads them.</summary>
    public static CappedNetwork Load(string path, Device device, int dIn, int inner, int dOut)
    {
        using var file = SafetensorsReader.Open(path);
        return new CappedNetwork(ParameterSource.From(device, file), dIn, inner, dOut);
    }
}
