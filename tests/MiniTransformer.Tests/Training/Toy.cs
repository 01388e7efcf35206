using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>A task that a small model learns in a second: answer the prompt "begin a b" by "b a end", and "a begin" by "a end".</summary>
internal static class Toy
{
    public const int Begin = 0, End = 1, Pad = 2;

    public static TransformerConfig Config { get; } = new()
    {
        VocabSize = 9,
        HiddenSize = 32,
        IntermediateSize = 48,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositions = 12,
    };

    /// <summary>All 42 examples: prompts of three tokens and of two, responses of three and of two.</summary>
    public static Example[] Examples { get; } =
    [
        .. from a in Enumerable.Range(3, 6) from b in Enumerable.Range(3, 6) select new Example([Begin, a, b], [b, a, End]),
        .. from a in Enumerable.Range(3, 6) select new Example([a, Begin], [a, End]),
    ];

    public static Transformer Model(Device device, ulong seed = 1) => new(Config, ParameterSource.Random(device, seed));

    /// <summary>
    /// What a checkpoint holds, carried over by hand: the same weights and optimizer state in a new model on a new device.
    /// </summary>
    public static (Transformer Model, AdamW Optimizer) Rebuild(Device device, Transformer model, AdamW optimizer)
    {
        Transformer copy = Model(device, seed: 77);
        foreach ((Parameter to, Parameter from) in copy.Parameters.Zip(model.Parameters)) to.Set(from.ToArray());
        var continued = new AdamW(copy.Parameters, optimizer.Options);
        Dictionary<string, float[]> saved = optimizer.State().ToDictionary(s => s.Name, s => s.Values);
        continued.Restore(optimizer.Updates, (name, values) => saved[name].CopyTo(values, 0));
        return (copy, continued);
    }

    /// <summary>
    /// Stops a trainer after some updates, rebuilds weights and optimizer on another device, and continues: every step and the last weights
    /// must be those of the undisturbed run. The policy starts as a copy of an expert; the base is what the expert began with.
    /// </summary>
    public static void ContinuesToTheLastBit(
        string name, int stopAfter,
        Func<(Transformer Policy, Transformer Expert, Transformer Base), AdamW, IEnumerable<TrainingStep>> train)
    {
        using Device device = Devices.Open(name), later = Devices.OpenSibling(name);
        var whole = Tuned(device);
        using var wholeOptimizer = new AdamW(whole.Policy.Parameters);
        TrainingStep[] undisturbed = [.. train(whole, wholeOptimizer)];
        var stopped = Tuned(device);
        using var optimizer = new AdamW(stopped.Policy.Parameters);
        Assert.Equal(stopAfter, train(stopped, optimizer).Take(stopAfter).Count());

        (Transformer copy, AdamW continued) = Rebuild(later, stopped.Policy, optimizer);
        var again = Tuned(later);
        TrainingStep[] rest = [.. train((copy, again.Expert, again.Base), continued)];
        Assert.True(rest.Length > 0 && rest.Length == undisturbed.Length - stopAfter);
        Assert.Equal(undisturbed[stopAfter..].Select(s => s with { Seconds = 0 }), rest.Select(s => s with { Seconds = 0 }));
        Identical(whole.Policy.Weights(), copy.Weights());
        Assert.NotEqual(whole.Expert.Weights()[0], copy.Weights()[0]);
    }

    /// <summary>An expert after some steps of SFT, its start as base, and a trainable copy of the expert.</summary>
    public static (Transformer Policy, Transformer Expert, Transformer Base) Tuned(Device device, int steps = 25)
    {
        Transformer policy = Model(device), start = policy.Clone();
        Assert.Equal(steps, Sft.Train(policy, Examples, new SftOptions { Steps = steps, BatchSize = 21, LearningRate = 3e-3 }).Count());
        return (policy, policy.Clone(), start);
    }

    public static void Identical(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Operand.Identical(expected[i], actual[i]);
    }
}
