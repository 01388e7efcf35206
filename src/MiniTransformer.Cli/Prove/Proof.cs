using MiniTransformer.Backends;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>
/// All statements in their order: P1 to P11 on random token MDPs, in double, by arrays alone; T1 to T7 through the transformer and its
/// tape, in float32. The same seed checks the same cases.
/// </summary>
/// <param name="MdpCases">Random token MDPs of each of P1 to P11.</param>
/// <param name="Seed">Seed of all cases.</param>
/// <param name="Formulas">What is verified.</param>
internal sealed record Proof(int MdpCases, ulong Seed, Formulas Formulas)
{
    /// <summary>Worlds in which the trainer draws responses, for T6; more would make a failure by chance more likely.</summary>
    public int EstimatedWorlds { get; init; } = 5;

    /// <summary>Random transformers: a tenth, for each takes some ten times as long.</summary>
    public int TransformerCases => Math.Max(5, MdpCases / 10);

    /// <summary>P1 to P11, one row at a time.</summary>
    public IEnumerable<ProofRow> OnTokenMdps(CancellationToken stop)
    {
        int seed = (int)(NamedSeed.Of("token MDPs", Seed) & int.MaxValue);
        return Identities.All.Select(identity => ProofRow.Of(identity.Check(MdpCases, seed, stop)));
    }

    /// <summary>Random transformers.</summary>
    public IEnumerable<PolicyCase> RandomPolicies(Device device) =>
        PolicyCase.Random(device, TransformerCases, NamedSeed.Of("transformers", Seed));

    /// <summary>T1 to T4 on random transformers or on a user's own; without a reference there is no T4.</summary>
    public ProofRow[] OnPolicies(IEnumerable<PolicyCase> cases)
    {
        var objective = new ObjectiveRows(Formulas);
        var reward = new RewardRows(Formulas);
        bool hasReference = false;
        foreach (PolicyCase at in cases)
        {
            objective.Check(at);
            reward.Check(at);
            hasReference = at.Reference is not null;
        }

        return [.. objective.Rows, .. reward.Rows(hasReference)];
    }

    /// <summary>T5 and T6 where all responses can be enumerated.</summary>
    public ProofRow[] OnEnumerableWorlds(Device device)
    {
        var rows = new PolicyGradientRows(Formulas);
        for (int i = 0; i < TransformerCases; i++)
        {
            rows.Check(device, NamedSeed.Of("worlds", Seed) + (ulong)i, withEstimate: i < EstimatedWorlds);
        }

        return rows.Rows;
    }

    /// <summary>T7 on random transformers.</summary>
    public ProofRow[] OnDivergences(Device device)
    {
        var rows = new KlRows(Formulas);
        foreach (PolicyCase at in RandomPolicies(device))
        {
            rows.Check(at);
        }

        return rows.Rows;
    }
}
