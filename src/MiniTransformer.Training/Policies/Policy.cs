using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>What answers prompts and can be asked for the probability of an answer: a model as it is, or a rule made of models.</summary>
public abstract class Policy
{
    /// <summary>The device that it runs on.</summary>
    public abstract Device Device { get; }

    /// <summary>A model is a policy.</summary>
    public static implicit operator Policy(Transformer model) => Of(model);

    /// <summary>The policy of a model.</summary>
    public static Policy Of(Transformer model) => new ModelPolicy(model);

    /// <summary>One response to each prompt.</summary>
    /// <param name="prompts">Token ids of each prompt, the begin token included.</param>
    /// <param name="ends">The tokens that end a response.</param>
    /// <param name="options">How to draw.</param>
    public abstract SampledResponse[] Generate(IReadOnlyList<int[]> prompts, EndTokens ends, SamplingOptions options);

    /// <summary>The policy at the states of a batch's response tokens.</summary>
    public abstract PolicyRows Rows(Tape tape, ResponseBatch batch);

    private sealed class ModelPolicy(Transformer model) : Policy
    {
        public override Device Device => model.Device;

        public override SampledResponse[] Generate(IReadOnlyList<int[]> prompts, EndTokens ends, SamplingOptions options) =>
            Sampler.Generate(model, prompts, ends, options);

        public override PolicyRows Rows(Tape tape, ResponseBatch batch) => model.Rows(tape, batch);
    }
}

/// <summary>
/// Extrapolated decoding, DPR's direction without training: π(·|s) ∝ π_SFT(·|s) (π_SFT(·|s) / π_ref(·|s))^α, that is the logits
/// log π_SFT + α r̂ of every state. Its source is P7 of the theory, arXiv 2510.02493's optimum with α = 1/β, taken token by token; it
/// leaves out what later tokens are worth: the optimum weighs whole responses.
/// </summary>
/// <param name="expert">π_SFT.</param>
/// <param name="reference">π_ref.</param>
/// <param name="alpha">How far to go; 0 is π_SFT, −1 is π_ref.</param>
public sealed class Extrapolation(Transformer expert, Transformer reference, float alpha) : Policy
{
    /// <inheritdoc/>
    public override Device Device => expert.Device;

    /// <inheritdoc/>
    public override SampledResponse[] Generate(IReadOnlyList<int[]> prompts, EndTokens ends, SamplingOptions options) =>
        Sampler.Extrapolate(expert, reference, alpha, prompts, ends, options);

    /// <inheritdoc/>
    public override PolicyRows Rows(Tape tape, ResponseBatch batch) =>
        PolicyRows.Extrapolated(expert.FrozenRows(tape, batch), reference.FrozenRows(tape, batch), alpha);
}
