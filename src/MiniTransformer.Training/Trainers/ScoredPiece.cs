using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;

namespace MiniTransformer.Training;

/// <summary>A piece of an update's responses with what the frozen policies say about it.</summary>
/// <param name="Batch">The responses.</param>
/// <param name="First">The number of its first token among those of all pieces.</param>
/// <param name="Expert">π_SFT at its tokens.</param>
/// <param name="Rewards">A reward a token.</param>
/// <param name="Reference">π_ref at its tokens; null if the reward has none.</param>
internal sealed record ScoredPiece(ResponseBatch Batch, int First, PolicyRows Expert, float[] Rewards, PolicyRows? Reference)
{
    /// <summary>
    /// Scores all pieces on one tape, which is to live as long as the rows are used: it holds no more of a piece than its hidden rows.
    /// </summary>
    public static ScoredPiece[] Score(Tape frozen, ITokenReward reward, MicroBatches batch)
    {
        frozen.KeepsLogits = batch.Pieces.Count == 1;
        return [.. batch.Placed().Select(at =>
        {
            PolicyRows expert = reward.Expert.Rows(frozen, at.Piece);
            TokenRewards rewards = reward.Score(frozen, expert, at.Piece);
            return new ScoredPiece(at.Piece, at.First, expert, rewards.Values, rewards.Reference);
        })];
    }
}
