using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a training run needs of memory, against what there is, before any of it is taken.</summary>
internal static class TrainingMemory
{
    // What a run keeps of each weight that it trains: the weight, its gradient and two moments; on the CPU the weight once more, as
    // sampling reads it.
    private static int Trained(Device device) => device.Backend.PacksWeights ? 5 : 4;

    /// <summary>Refuses a model whose weights alone are too large to be trained from random ones.</summary>
    /// <exception cref="UsageException">They are; the message says how much is needed and how much there is.</exception>
    public static void Require(TransformerConfig config, Device device) => Require(config, sizeof(float), device, 0, "");

    /// <summary>Refuses a model and a batch that are too large.</summary>
    /// <param name="config">The model.</param>
    /// <param name="lora">What adapts it; null where all of it is trained.</param>
    /// <param name="frozen">The type of the base, which is kept as it was.</param>
    /// <param name="fromBase">Whether there is one; else the random weights are kept.</param>
    /// <param name="device">Where.</param>
    /// <param name="longest">The longest demonstrations.</param>
    /// <param name="recompute">Whether blocks are computed again in the backward pass.</param>
    /// <exception cref="UsageException">They are; the message says how much is needed and how much there is.</exception>
    public static void Require(
        TransformerConfig config, LoraOptions? lora, ElementType frozen, bool fromBase, Device device, Example[] longest, bool recompute)
    {
        double kept = fromBase ? frozen.Bytes() : sizeof(float);
        if (lora is null) Require(config, kept, device, 0, "");
        StepMemory step = StepMemory.OfSft(config, ResponseBatch.OfTurns(longest), recompute, lora, frozen, device);
        string what = $"{DeviceException.Size(step.Activations)} for the activations of {longest.Length} sequences of at most "
            + $"{longest[0].Positions} tokens";
        if (lora is null)
        {
            Require(config, kept, device, step.Activations, ", " + what);
            return;
        }

        if (step.Total <= device.Backend.MemoryBytes) return;
        throw new UsageException(
            $"training adapters needs {DeviceException.Size(step.Total)} of memory, and {device.Name} has "
                + $"{DeviceException.Size(device.Backend.MemoryBytes)}: {DeviceException.Size(step.Frozen)} for the base "
            + $"in {frozen.Name()}, {DeviceException.Size(step.Total - step.Frozen - step.Activations)} for the adapters, their gradients "
            + $"and moments, and {what}. "
            + "Lower --batch or --micro-batch, let --recompute keep fewer activations, or take a lower r of --lora or a smaller --base.");
    }

    /// <summary>
    /// Refuses a DPR run whose weights are too large: the policy's, with gradients and moments, and those of π_SFT and the references,
    /// which are frozen.
    /// </summary>
    /// <param name="expert">The folder of π_SFT.</param>
    /// <param name="references">The references' folders.</param>
    /// <param name="device">Where.</param>
    /// <exception cref="UsageException">They are; the message says how much is needed and how much there is.</exception>
    public static void RequireDpr(string expert, IReadOnlyList<string> references, Device device)
    {
        // All adapters of one base share it; a reference's own are small beside it.
        ModelSize policy = Checkpoint.SizeOf(expert);
        double trained = Trained(device) * sizeof(float) * policy.Trained, ofExpert = policy.FrozenBytes;
        double frozen = references.Select(Checkpoint.SizeOf).Where(r => !(policy.IsAdapted && r.IsAdapted)).Sum(r => r.FrozenBytes),
            needed = trained + ofExpert + frozen;
        if (needed <= device.Backend.MemoryBytes) return;
        throw new UsageException(
            $"DPR needs {DeviceException.Size(needed)} of memory, and {device.Name} has "
                + $"{DeviceException.Size(device.Backend.MemoryBytes)}: {DeviceException.Size(trained)} for the policy's " +
            $"weights, gradients, two moments{AsSampled(device)}, {DeviceException.Size(ofExpert)} for π_SFT's frozen "
                + $"weights, and {DeviceException.Size(frozen)} for {references.Count} " +
            $"reference(s). Take the --run of a smaller model{(references.Count > 1 ? ", or fewer references (--reference)" : "")}.");
    }

    /// <summary>
    /// Says so where an update of DPR, whose responses have all the tokens that they may have, would need more memory than there is: what
    /// its weights need is refused, but how long responses become nobody knows before.
    /// </summary>
    public static void WarnDpr(Transformer expert, IReadOnlyList<Transformer> references, IReadOnlyList<Prompt> prompts,
        DprOptions options, Device device, Action<string> say)
    {
        StepMemory memory = StepMemory.OfDpr(expert, references, Longest(prompts, options), options);
        double needed = memory.Total + (device.Backend.PacksWeights ? memory.Sampling : 0);
        if (needed <= device.Backend.MemoryBytes) return;
        say($"Warning: an update of {Math.Min(prompts.Count, options.PromptsPerUpdate)} responses of {options.MaxTokens} tokens needs "
            + $"{DeviceException.Size(needed)} of memory, "
            + $"{DeviceException.Size(memory.Activations)} of it for activations, and {device.Name} has "
            + $"{DeviceException.Size(device.Backend.MemoryBytes)}: where responses become that "
            + "long the run ends without memory. Lower --micro-batch, --prompts-per-update or --max-tokens.");
    }

    /// <summary>
    /// The longest prompts, as many as an update has. In pieces the longest of all stands for each: chance may put the longest into one.
    /// </summary>
    public static int[][] Longest(IReadOnlyList<Prompt> prompts, DprOptions options)
    {
        int[][] longest = [.. prompts.Select(p => p.Ids).OrderByDescending(ids => ids.Length).Take(options.PromptsPerUpdate)];
        return options.MicroBatchSize > 0 && options.MicroBatchSize < longest.Length
            ? [.. Enumerable.Repeat(longest[0], longest.Length)]
            : longest;
    }

    private static string AsSampled(Device device) => device.Backend.PacksWeights ? " and the weights as sampling reads them" : "";

    private static void Require(TransformerConfig config, double keptBytes, Device device, double activations, string forActivations)
    {
        double weights = sizeof(float) * config.ParameterCount, kept = keptBytes * config.ParameterCount,
            needed = Trained(device) * weights + kept + activations;
        if (needed <= device.Backend.MemoryBytes) return;
        throw new UsageException(
            $"training needs {DeviceException.Size(needed)} of memory, and {device.Name} has "
                + $"{DeviceException.Size(device.Backend.MemoryBytes)}: {DeviceException.Size(weights)} for each of weights, " +
            $"gradients, two moments{AsSampled(device)}, {DeviceException.Size(kept)} for the model that training "
                + $"starts from{forActivations}. Lower --hidden, --layers or --ffn, or take a " +
            "smaller --base, or adapters of it (--lora); lower --batch or --micro-batch; or let --recompute keep fewer activations.");
    }
}
