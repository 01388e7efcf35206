namespace MiniTransformer.Nn;

/// <summary>
/// A model's logits are not numbers, so that no token has a probability: its weights, though each may be finite, overflow 32-bit
/// arithmetic. Whatever draws from a model or scores with it throws this, rather than give NaN.
/// </summary>
public sealed class LogitsException(string model) : ArithmeticException(
    $"The logits of {model} are not finite (NaN or infinite), so that no token has a probability: its weights are too large for 32-bit "
        + "arithmetic, or damaged. "
    + "Take another checkpoint; if training has just made them so, lower the learning rate.")
{
    /// <summary>Checks numbers that were computed from logits.</summary>
    /// <param name="values">Log-probabilities, values or divergences.</param>
    /// <param name="model">Whose they are, as "the policy".</param>
    /// <returns>The same numbers.</returns>
    /// <exception cref="LogitsException">One of them is not finite.</exception>
    public static float[] Check(float[] values, string model)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value)) throw new LogitsException(model);
        }

        return values;
    }
}
