using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>The memory of one training step, in bytes.</summary>
/// <param name="Parameters">Weights, and the rotation tables.</param>
/// <param name="Gradients">Their gradients.</param>
/// <param name="Optimizer">AdamW's two moments.</param>
/// <param name="Activations">What the step's arena takes of the device: activations and their gradients, and its unused ends.</param>
public sealed record StepMemory(long Parameters, long Gradients, long Optimizer, long Activations)
{
    /// <summary>Of the parameters, what is not trained: an adapted model's base.</summary>
    public long Frozen { get; init; }

    /// <summary>
    /// What sampling keeps on top of it, on a device that packs weights (the CPU): all that is trained once more, in the layout that it
    /// reads.
    /// </summary>
    public long Sampling => Gradients;

    /// <summary>All together. Packing scratch of the matrix products, a few MB a thread, comes on top.</summary>
    public long Total => Parameters + Gradients + Optimizer + Activations;

    /// <summary>
    /// What one SFT step on a batch will need, found by running the step on a device that computes nothing: the sizes are those of the
    /// real step because the code is.
    /// </summary>
    /// <param name="config">The model's form.</param>
    /// <param name="batch">A batch of the sizes in question; the largest decides.</param>
    /// <param name="recompute">Whether blocks are computed again in the backward pass.</param>
    /// <param name="lora">What adapts the model; null where all of it is trained.</param>
    /// <param name="frozen">The type of an adapted model's base.</param>
    /// <param name="like">The device of the real step, whose memory decides how much of the logits is computed at a time.</param>
    public static StepMemory OfSft(
        TransformerConfig config, ResponseBatch batch, bool recompute = false, LoraOptions? lora = null,
        ElementType frozen = ElementType.F32, Device? like = null)
    {
        using var device = Device.DryRun(like);
        using var model = Transformer.Blank(config, device, lora, lora is null ? null : frozen);
        model.Recompute = recompute;
        long parameters = device.PersistentBytes;
        using var optimizer = new AdamW(model.Parameters);
        long optimizerState = device.PersistentBytes - parameters;
        using Tape tape = Tape.Record(device);
        Tensor loss = new Objective().Loss(tape, model.Rows(tape, batch), batch, 1f / batch.N);
        parameters = device.PersistentBytes - optimizerState; // now with the rotation tables of these positions
        tape.Backward(loss);
        optimizer.Step(0);
        long gradients = device.PersistentBytes - parameters - optimizerState;
        long frozenBytes = model.Parameters.Where(p => !p.Trainable).Sum(p => (long)p.Shape.Count * p.Type.Bytes());
        return new StepMemory(parameters, gradients, optimizerState, device.PeakBytes - device.PersistentBytes) { Frozen = frozenBytes };
    }

    /// <summary>
    /// What one update of DPR will need, found in the same way: responses of the longest length are drawn, scored and learned from.
    /// <see cref="Activations"/> is all that is not weights, gradients and moments: the cache, hidden rows, one chunk of logits, and the
    /// arenas' unused ends.
    /// </summary>
    /// <param name="expert">π_SFT, of which π_θ is a copy.</param>
    /// <param name="references">π_ref, or the ensemble of them.</param>
    /// <param name="prompts">Prompts of the sizes in question, as many as an update has; the longest decide.</param>
    /// <param name="options">The settings.</param>
    public static StepMemory OfDpr(Transformer expert, IReadOnlyList<Transformer> references, IReadOnlyList<int[]> prompts,
        DprOptions options)
    {
        using var device = Device.DryRun(like: expert.Device);
        using Transformer frozen = Transformer.BlankLike(expert, device);
        foreach (Parameter p in frozen.Parameters) p.Trainable = false;
        using Transformer policy = frozen.Clone(trainable: true);
        policy.Recompute = expert.Recompute;
        Transformer[] others = [.. references.Select(r =>
            r.Lora is not null && frozen.Lora is not null ? Adapters() : Transformer.BlankLike(r, device))];
        long optimizerState = device.PersistentBytes;
        using var optimizer = new AdamW(policy.Parameters, options.Optimizer);
        optimizerState = device.PersistentBytes - optimizerState;
        DprOptions one = options with
        {
            Updates = 1,
            Ends = EndTokens.None,
            PromptsPerUpdate = Math.Min(options.PromptsPerUpdate, prompts.Count)
        };
        foreach (DprStep step in DensePathReinforce.Train(policy, new DenseReward(frozen, others), prompts, one, optimizer)) _ = step;
        long gradients = policy.Parameters.Where(p => p.Trainable).Sum(p => sizeof(float) * (long)p.Shape.Count);
        long parameters = device.PersistentBytes - optimizerState - gradients, frozenBytes = policy.Parameters.Where(p => !p.Trainable)
            .Sum(p => (long)p.Shape.Count * p.Type.Bytes());
        foreach (Transformer other in others) other.Dispose();
        return new StepMemory(parameters, gradients, optimizerState,
            device.PeakBytes - parameters - gradients - optimizerState)
        { Frozen = frozenBytes };

        // Others of the same base, which is shared; the factors are their own.
        Transformer Adapters()
        {
            Transformer other = frozen.Clone(trainable: true);
            foreach (Parameter p in other.Parameters) p.Trainable = false;
            return other;
        }
    }
}
