namespace MiniTransformer.Nn;

/// <summary>How rotary frequencies are stretched so that a model reaches further than it was first trained for.</summary>
public abstract record RotaryScaling
{
    /// <summary>The stretched frequency, in radians a token.</summary>
    public abstract double Stretch(double frequency);

    /// <summary>The frequencies θ^(−2i/D), i below D/2, stretched or as they are. Each is rounded to float, as Hugging Face's model
    /// does; at high positions that is visible.</summary>
    public static float[] Frequencies(int d, float theta, RotaryScaling? scaling)
    {
        var frequencies = new float[d / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double plain = 1.0 / Math.Pow(theta, 2.0 * i / d);
            frequencies[i] = (float)(scaling?.Stretch(plain) ?? plain);
        }

        return frequencies;
    }
}

/// <summary>Every position divided by the factor (S. Chen et al., "Extending Context Window of Large Language Models via Positional
/// Interpolation", 2023).</summary>
/// <param name="Factor">How many times longer the context is.</param>
public sealed record LinearScaling(float Factor) : RotaryScaling
{
    /// <inheritdoc/>
    public override double Stretch(double frequency) => frequency / Factor;
}

/// <summary>
/// Llama 3.1's: a frequency that makes more than HighFrequencyFactor turns in the original context stays; one that makes fewer than
/// LowFrequencyFactor is divided by the factor; between the two, the share s = (turns − low) / (high − low) of it stays.
/// </summary>
/// <param name="Factor">How many times longer the context is.</param>
/// <param name="LowFrequencyFactor">Turns below which a frequency is divided.</param>
/// <param name="HighFrequencyFactor">Turns above which it stays.</param>
/// <param name="OriginalPositions">The context that the model was first trained for, in tokens.</param>
public sealed record Llama3Scaling(float Factor, float LowFrequencyFactor, float HighFrequencyFactor, int OriginalPositions) : RotaryScaling
{
    /// <inheritdoc/>
    public override double Stretch(double frequency)
    {
        double turns = OriginalPositions * frequency / (2 * Math.PI);
        double stays = Math.Clamp((turns - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return stays * frequency + (1 - stays) * frequency / Factor;
    }
}
