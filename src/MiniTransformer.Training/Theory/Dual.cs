namespace MiniTransformer.Theory;

/// <summary>
/// A dual number v + d ε with ε² = 0: the value of a function and its derivative in one direction, carried together. A second way to
/// a gradient that shares no formula with the first and, unlike finite differences, has no step width.
/// </summary>
/// <param name="Value">v.</param>
/// <param name="Slope">d.</param>
public readonly record struct Dual(double Value, double Slope)
{
    /// <summary>A constant: slope 0.</summary>
    public static implicit operator Dual(double value) => new(value, 0);

    /// <summary>(u + v)′ = u′ + v′.</summary>
    public static Dual operator +(Dual u, Dual v) => new(u.Value + v.Value, u.Slope + v.Slope);

    /// <summary>(u − v)′ = u′ − v′.</summary>
    public static Dual operator -(Dual u, Dual v) => new(u.Value - v.Value, u.Slope - v.Slope);

    /// <summary>(u v)′ = u′ v + u v′.</summary>
    public static Dual operator *(Dual u, Dual v) => new(u.Value * v.Value, (u.Slope * v.Value) + (u.Value * v.Slope));

    /// <summary>(eᵘ)′ = eᵘ u′.</summary>
    public static Dual Exp(Dual u) => new(Math.Exp(u.Value), Math.Exp(u.Value) * u.Slope);

    /// <summary>(log u)′ = u′ / u.</summary>
    public static Dual Log(Dual u) => new(Math.Log(u.Value), u.Slope / u.Value);

    /// <summary>log-softmax of a row; −∞ stays −∞ with slope 0.</summary>
    public static Dual[] LogSoftmax(Dual[] x)
    {
        double max = double.NegativeInfinity;
        foreach (Dual xi in x) max = Math.Max(max, xi.Value);
        Dual sum = 0;
        foreach (Dual xi in x)
            if (xi.Value > double.NegativeInfinity) sum += Exp(xi - max);

        Dual v = Log(sum) + max;
        var result = new Dual[x.Length];
        for (int i = 0; i < x.Length; i++) result[i] = x[i].Value > double.NegativeInfinity ? x[i] - v : x[i];
        return result;
    }

    /// <summary>∂f/∂x[s][a] for every entry of a table: one evaluation of f per allowed entry, 0 for entries of −∞.</summary>
    public static double[][] Gradient(double[][] x, Func<Dual[][], Dual> f)
    {
        Dual[][] point = [.. x.Select(row => row.Select(xi => (Dual)xi).ToArray())];
        var gradient = new double[x.Length][];
        for (int s = 0; s < x.Length; s++)
        {
            gradient[s] = new double[x[s].Length];
            for (int a = 0; a < x[s].Length; a++)
            {
                if (double.IsNegativeInfinity(x[s][a])) continue;
                point[s][a] = new Dual(x[s][a], 1);
                gradient[s][a] = f(point).Slope;
                point[s][a] = x[s][a];
            }
        }

        return gradient;
    }
}
