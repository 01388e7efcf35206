namespace MiniTransformer.Tests.Gpu;

/// <summary>A fact that needs ptxas: skipped without it, unless it is required.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PtxFactAttribute : FactAttribute
{
    public PtxFactAttribute() => Skip = PtxTheoryAttribute.Reason;
}

/// <summary>A theory that needs ptxas: skipped without it, unless it is required.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PtxTheoryAttribute : TheoryAttribute
{
    public PtxTheoryAttribute() => Skip = Reason;

    internal static string? Reason => PtxAssembler.Path is null && !Required.Has("ptxas") ? PtxAssembler.Absence : null;
}
