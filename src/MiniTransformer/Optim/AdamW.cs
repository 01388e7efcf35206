using MiniTransformer.Autograd;
using MiniTransformer.Backends;

namespace MiniTransformer.Optim;

/// <summary>The settings of <see cref="AdamW"/>.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the first moment.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of the second moment.</summary>
    public float Beta2 { get; init; } = 0.98f;

    /// <summary>Added to the root of the second moment.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decoupled weight decay; not applied to norms (parameters of one dimension).</summary>
    public float WeightDecay { get; init; } = 0.01f;

    /// <summary>The gradient's global norm is clipped to this; 0 turns clipping off.</summary>
    public float ClipNorm { get; init; } = 1;
}

/// <summary>
/// AdamW (I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019) with clipping by the global norm.
/// m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − η (m̂ / (√v̂ + ε) + λp),  m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ).
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly Device device;
    private readonly Storage[] m;
    private readonly Storage[] v;
    private readonly Storage[] gradients;

    /// <summary>An optimizer whose moments are zero.</summary>
    public AdamW(IReadOnlyList<Parameter> parameters, AdamWOptions? options = null)
    {
        Parameters = [.. parameters.Where(p => p.Trainable)];
        if (Parameters.Count == 0)
            throw new ArgumentException($"AdamW: there is nothing to train: {parameters.Count} parameters came, none of them trainable. A "
                + "clone is frozen unless it is made by Clone(trainable: true).");
        Options = options ?? new AdamWOptions();
        device = parameters[0].Device;
        m = [.. Parameters.Select(p => device.Allocate(p.Shape.Count))];
        v = [.. Parameters.Select(p => device.Allocate(p.Shape.Count))];
        gradients = new Storage[m.Length];
    }

    /// <summary>What is trained: frozen parameters are left out.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The settings.</summary>
    public AdamWOptions Options { get; }

    /// <summary>Updates made so far: the t of the bias corrections.</summary>
    public int Updates { get; private set; }

    /// <summary>
    /// Takes the gradients that have added up, clips them, makes one update and clears them. Returns the norm before clipping.
    /// </summary>
    /// <exception cref="ArithmeticException">The gradient is not finite; the parameters are left as they were.</exception>
    public double Step(double learningRate)
    {
        double norm = GradientNorm();
        if (!double.IsFinite(norm))
            throw new ArithmeticException($"AdamW: the gradient's norm is {norm} at update {Updates + 1}; the parameters were left as they "
                + "were. Lower the learning rate, or look at the data of this step.");
        Updates++;
        AdamWOptions o = Options;
        float clip = o.ClipNorm > 0 && norm > o.ClipNorm ? (float)(o.ClipNorm / norm) : 1f;
        float correction1 = (float)(1 - Math.Pow(o.Beta1, Updates)), correction2 = (float)(1 - Math.Pow(o.Beta2, Updates));
        for (int i = 0; i < m.Length; i++)
        {
            Parameter p = Parameters[i];
            float decay = p.Shape.Rank > 1 ? o.WeightDecay : 0;
            var step = new AdamWStep((float)learningRate, o.Beta1, o.Beta2, o.Epsilon, decay, clip, correction1, correction2);
            device.Backend.AdamW(p.Value, gradients[i], m[i], v[i], step);
            p.Changed();
        }

        return norm;
    }

    /// <summary>Forgets the gradients that have added up, such as those of an update that was stopped before its step.</summary>
    public void ClearGradients()
    {
        foreach (Parameter p in Parameters) p.ZeroGradient();
    }

    /// <summary>√Σ g² over all parameters.</summary>
    public double GradientNorm()
    {
        for (int i = 0; i < m.Length; i++) gradients[i] = Parameters[i].Tensor.Owner.Gradient(0, Parameters[i].Shape.Count);
        return Math.Sqrt(device.Backend.SquaredNorm(gradients));
    }

    /// <summary>The moments by checkpoint name: adamw.m.NAME and adamw.v.NAME, with the parameter's shape.</summary>
    public IEnumerable<(string Name, long[] Shape, float[] Values)> State()
    {
        for (int i = 0; i < m.Length; i++)
        {
            Parameter p = Parameters[i];
            yield return ($"adamw.m.{p.Name}", p.Shape.ToArray(), Download(m[i]));
            yield return ($"adamw.v.{p.Name}", p.Shape.ToArray(), Download(v[i]));
        }
    }

    /// <summary>Takes up a saved state: <paramref name="read"/> fills the values of a checkpoint name.</summary>
    public void Restore(int updates, Action<string, float[]> read)
    {
        for (int i = 0; i < m.Length; i++)
        {
            var values = new float[Parameters[i].Shape.Count];
            read($"adamw.m.{Parameters[i].Name}", values);
            device.Backend.Upload(values, m[i]);
            read($"adamw.v.{Parameters[i].Name}", values);
            device.Backend.Upload(values, v[i]);
        }

        Updates = updates;
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        foreach (Storage s in m) device.Free(s);
        foreach (Storage s in v) device.Free(s);
    }

    private float[] Download(Storage storage)
    {
        var values = new float[storage.Length];
        device.Backend.Download(storage, values);
        return values;
    }
}
