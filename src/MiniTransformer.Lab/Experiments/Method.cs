using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>
/// A way to get from a world's π_SFT, or from its start, to another policy. A method with a knob can be run at
/// several strengths (β or α), which a sweep and a comparison at equal KL need.
/// </summary>
/// <param name="Role">What it is in a comparison.</param>
public abstract record Method(MethodRole Role = MethodRole.Other)
{
    /// <summary>What it is called, without its reference and setting: "DPR".</summary>
    public abstract string Name { get; }

    /// <summary>
    /// The reference that r̂ is taken relative to, by its name in <see cref="World.References"/>; null where the method has none.
    /// </summary>
    public virtual string? Reference => null;

    /// <summary>The setting that is varied, such as "β"; null where there is none.</summary>
    public virtual string? Knob => null;

    /// <summary>The setting's value.</summary>
    public virtual double? Value => null;

    /// <summary>The temperature of the sampled responses.</summary>
    public virtual float Temperature => 1;

    /// <summary>Distinguishes the methods of a world: name, reference and setting.</summary>
    public string Label => MethodResult.LabelOf(Name, Reference, Knob, Value);

    /// <summary>Whether a result is this method's, at this setting.</summary>
    public bool IsOf(MethodResult result) =>
        result.Method == Name && result.Reference == Reference && result.Knob == Knob && result.Value == Value;

    /// <summary>Updates that <see cref="Train"/> makes in a regime.</summary>
    public virtual int Steps(Regime regime) => 0;

    /// <summary>The work of an update, in sequences that SFT trains on meanwhile: what a forecast of the time goes by.</summary>
    public virtual double StepWork(Regime regime) => regime.Dpr.PromptsPerUpdate * WorkOfDrawing;

    // A sequence that is drawn, scored by other policies and trained on, in sequences that are trained on alone.
    private const double WorkOfDrawing = 2;

    /// <summary>The weights that training starts from.</summary>
    public virtual Transformer StartOf(World world) => world.Expert;

    /// <summary>Trains the policy, a copy of <see cref="StartOf"/>, in place.</summary>
    public virtual IEnumerable<TrainingStep> Train(World world, Transformer policy) => [];

    /// <summary>What is measured: the trained policy, unless the method decodes in a way of its own.</summary>
    public virtual Policy PolicyOf(World world, Transformer trained) => Policy.Of(trained);
}
