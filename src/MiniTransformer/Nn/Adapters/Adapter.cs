using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>The two factors that adapt a projection: s·B·A is added to its weight, which itself is left alone.</summary>
public sealed class Adapter
{
    private const string NameOfA = "lora_A.weight", NameOfB = "lora_B.weight";

    private Adapter(ParameterSource source, int dIn, int dOut, int rank, float scale)
    {
        Scale = scale;
        A = source.Take(NameOfA, new Shape(rank, dIn), new(0, 0));
        B = source.Take(NameOfB, new Shape(dOut, rank), new(0, 0));
    }

    /// <summary>A, (r, in).</summary>
    public Parameter A { get; }

    /// <summary>B, (out, r); zero at first.</summary>
    public Parameter B { get; }

    /// <summary>s.</summary>
    public float Scale { get; }

    /// <summary>Whether a parameter's name is that of an adapter's factor.</summary>
    internal static bool IsPartOf(string parameter) =>
        parameter.EndsWith("." + NameOfA, StringComparison.Ordinal) || parameter.EndsWith("." + NameOfB, StringComparison.Ordinal);

    /// <summary>The adapter of a projection, if the source adapts it.</summary>
    internal static Adapter? Of(ParameterSource source, int dIn, int dOut) => source.Lora is { } lora && lora.Adapts(source.Path)
        ? new Adapter(source, dIn, dOut, lora.RankOf(source.Path), lora.ScaleOf(source.Path))
        : null;

    /// <summary>
    /// The first value of a factor: B is zero; A is uniform in ±1/√in, as in PEFT, from a stream of the seed that belongs to its name, so
    /// that adapters more or less change no other number.
    /// </summary>
    internal static float[] Start(string name, Shape shape, ulong seed)
    {
        var values = new float[shape.Count];
        if (name.EndsWith(NameOfB, StringComparison.Ordinal)) return values;
        ulong stream = 14695981039346656037; // FNV-1a
        foreach (char c in name) stream = (stream ^ c) * 1099511628211;
        var rng = new Rng(seed, stream);
        float bound = 1 / MathF.Sqrt(shape.Last);
        for (int i = 0; i < values.Length; i++) values[i] = bound * ((2 * rng.NextUniform()) - 1);
        return values;
    }

    /// <summary>x·Wᵀ + s (x·Aᵀ)·Bᵀ.</summary>
    internal Tensor Forward(Tensor x, Parameter weight) => x.LinearPlus(weight, x.Linear(A).Scale(Scale), B);

    /// <summary>W + s·B·A in float32, of a parameter that is adapted; else the parameter itself, frozen.</summary>
    internal static Parameter Merge(IReadOnlyDictionary<string, Parameter> parameters, string name, LoraOptions lora)
    {
        Parameter weight = parameters[name];
        string path = name[..name.LastIndexOf('.')];
        bool isWeight = name.EndsWith(".weight", StringComparison.Ordinal);
        if (!isWeight || !parameters.TryGetValue($"{path}.{NameOfA}", out Parameter? a)) return weight.Frozen();
        Parameter b = parameters[$"{path}.{NameOfB}"];
        var merged = new Parameter(weight.Device, name, weight.Shape, zeroed: false) { StoredAs = weight.StoredAs, Trainable = false };
        merged.CopyFrom(weight);
        using Tape tape = Tape.NoGrad(weight.Device);
        Tensor scaled = tape.Constant(b.ToArray(), b.Shape).Scale(lora.ScaleOf(path));
        weight.Device.Backend.MatMul(
            Kernels.Cpu.GemmForm.NN, scaled.Storage, a.Tensor.Storage, merged.Value, weight.Shape[0], weight.Shape[1], a.Shape[0],
            accumulate: true);
        merged.Changed();
        return merged;
    }
}
