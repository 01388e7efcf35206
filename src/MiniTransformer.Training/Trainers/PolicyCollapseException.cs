using MiniTransformer.Nn;

namespace MiniTransformer.Training;

/// <summary>
/// The policy has left the region where the reward means anything; the last good weights are kept by the caller's checkpoints.
/// </summary>
public sealed class PolicyCollapseException(string message) : Exception(message)
{
    internal static void ThrowIfFar(string trainer, int update, double meanKl, double limit, string remedy = "")
    {
        if (meanKl <= limit) return;
        if (!double.IsFinite(meanKl)) throw new LogitsException("the policy");
        throw new PolicyCollapseException(
            $"{trainer} stopped before update {update + 1}: the policy is {meanKl:F1} nats a response away from π_SFT (limit {limit:F1}), "
                + $"where what it learned from SFT is lost. Raise β, lower the learning rate, or make fewer updates{remedy}.");
    }
}
