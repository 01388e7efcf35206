using MiniTransformer.Theory;

namespace MiniTransformer.Cli.Prove;

/// <summary>
/// A statement that was checked on a number of cases, beside the nearest false statement, which has to fail on the same cases.
/// </summary>
/// <param name="Number">P1 … P11 on token MDPs, T1 … T7 through the transformer.</param>
/// <param name="Statement">The statement in symbols.</param>
/// <param name="NearestFalse">The negative control.</param>
/// <param name="Cases">On how many draws or batches it was checked.</param>
/// <param name="LargestError">The largest error over the cases; NaN fails.</param>
/// <param name="Tolerance">The largest error allowed.</param>
/// <param name="ControlError">The error of the nearest false statement: its median over the cases; of several such statements the
/// smallest.</param>
/// <param name="Failure">A false statement that is wrong by more than this has failed.</param>
internal sealed record ProofRow(
    string Number, string Statement, string NearestFalse, int Cases, double LargestError, double Tolerance, double ControlError,
    double Failure)
{
    /// <summary>True if the statement held in every case and its nearest false neighbour failed.</summary>
    public bool Holds => LargestError <= Tolerance && ControlError > Failure;

    /// <summary>One word: holds; fails; or vacuous, if the false statement passes too, so that nothing was shown.</summary>
    public string Verdict => Holds ? "holds" : LargestError <= Tolerance ? "vacuous" : "FAILS";

    /// <summary>The row of a report on token MDPs.</summary>
    public static ProofRow Of(IdentityReport report) => new(
        report.Identity.Number, report.Identity.Statement, report.Identity.NearestFalse, report.Cases, report.LargestError,
        report.Identity.Tolerance, report.ControlError, Identity.Failure);
}
