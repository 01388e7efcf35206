using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What an SFT run needs of memory, against what there is, before any of it is taken.</summary>
internal static class TrainingMemory
{
    // Of what a run keeps for each weight: the weight, its gradient, two moments; and two frozen copies, what it starts from and what is measured in the end.
    private const int Trained = 4, Frozen = 2;

    /// <summary>Refuses a model whose weights alone are too large.</summary>
    /// <exception cref="UsageException">They are; the message says how much is needed and how much there is.</exception>
    public static void Require(TransformerConfig config, Device device) => Require(config, device, 0, "");

    /// <summary>Refuses a model and a batch that are too large.</summary>
    /// <exception cref="UsageException">They are; the message says how much is needed and how much there is.</exception>
    public static void Require(TransformerConfig config, Device device, Example[] longest, bool recompute)
    {
        Require(config, device);
        long activations = StepMemory.OfSft(config, ResponseBatch.OfTurns(longest), recompute).Activations;
        Require(config, device, activations, $", {DeviceException.Size(activations)} for the activations of {longest.Length} sequences of at most {longest[0].Positions} tokens");
    }

    /// <summary>Refuses a DPR run whose weights are too large: the policy's, with gradients and moments, and those of π_SFT and the references, which are frozen.</summary>
    /// <exception cref="UsageException">They are; the message says how much is needed and how much there is.</exception>
    public static void RequireDpr(TransformerConfig expert, IReadOnlyList<TransformerConfig> references, Device device)
    {
        double policy = sizeof(float) * expert.ParameterCount, frozen = references.Sum(r => sizeof(float) * r.ParameterCount), needed = (Trained + 1) * policy + frozen;
        if (needed <= device.Backend.MemoryBytes) return;
        throw new UsageException(
            $"DPR needs {DeviceException.Size(needed)} of memory, and {device.Name} has {DeviceException.Size(device.Backend.MemoryBytes)}: {DeviceException.Size(policy)} for each of the policy's " +
            $"weights, gradients and two moments and of π_SFT's frozen weights, and {DeviceException.Size(frozen)} for {references.Count} reference(s). Take the --run of a smaller model" +
            $"{(references.Count > 1 ? ", or fewer references (--reference)" : "")}.");
    }

    /// <summary>
    /// Says so where an update of DPR, whose responses have all the tokens that they may have, would need more memory than there is: what its weights
    /// need is refused, but how long responses become nobody knows before.
    /// </summary>
    public static void WarnDpr(TransformerConfig expert, IReadOnlyList<Prompt> prompts, int references, DprOptions options, Device device, Action<string> say)
    {
        Example[] longest =
        [
            .. prompts.OrderByDescending(p => p.Ids.Length).Take(options.PromptsPerUpdate)
                .Select(p => new Example(p.Ids, new int[Math.Max(1, Math.Min(options.MaxTokens, Sampler.Room(p.Ids.Length, expert.MaxPositions)))])),
        ];
        var batch = new ResponseBatch(longest);
        double activations = StepMemory.OfSft(expert, batch).Activations + (1.0 + references) * sizeof(float) * batch.N * expert.VocabSize;
        double needed = (Trained + 1 + references) * (double)sizeof(float) * expert.ParameterCount + activations;
        if (needed <= device.Backend.MemoryBytes) return;
        say($"Warning: an update of {longest.Length} responses of {longest.Max(e => e.ResponseIds.Length)} tokens needs {DeviceException.Size(needed)} of memory, "
            + $"{DeviceException.Size(activations)} of it for activations, and {device.Name} has {DeviceException.Size(device.Backend.MemoryBytes)}: where responses become that "
            + "long the run ends without memory. Lower --prompts-per-update or --max-tokens.");
    }

    private static void Require(TransformerConfig config, Device device, double activations, string forActivations)
    {
        double weights = sizeof(float) * config.ParameterCount, needed = (Trained + Frozen) * weights + activations;
        if (needed <= device.Backend.MemoryBytes) return;
        throw new UsageException(
            $"training needs {DeviceException.Size(needed)} of memory, and {device.Name} has {DeviceException.Size(device.Backend.MemoryBytes)}: {DeviceException.Size(weights)} for each of weights, " +
            $"gradients, two moments and {Frozen} frozen copies{forActivations}. Lower --hidden, --layers or --ffn, or take a smaller --base; lower --batch or --micro-batch; or let --recompute keep " +
            "fewer activations.");
    }
}
