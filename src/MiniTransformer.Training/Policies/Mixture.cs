using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>The mean of several policies, state by state.</summary>
internal static class Mixture
{
    /// <summary>
    /// log (1/K) Σ_k π_k(a|s) at a batch's response tokens, (N, V): log-probabilities, and so logits too. One policy keeps its own logits. It is
    /// computed on the host, in double: a token that is improbable under all of them keeps its digits.
    /// </summary>
    public static Tensor Logits(IReadOnlyList<Transformer> policies, Tape tape, ResponseBatch batch)
    {
        if (policies.Count == 1) return policies[0].FrozenLogits(tape, batch);
        Tensor[] logits = [.. policies.Select(p => p.FrozenLogits(tape, batch))];
        float[][] q = [.. logits.Select(l => l.ToArray())], z = [.. logits.Select(l => l.LogSumExp().ToArray())];
        int v = logits[0].Shape.Last;
        var mean = new float[q[0].Length];
        for (int i = 0; i < mean.Length; i++)
        {
            // log (1/K) Σ_k e^{l_k} = m + log (1/K) Σ_k e^{l_k − m},   l_k = Q_k − V_k = log π_k,   m the largest
            int row = i / v;
            double largest = double.NegativeInfinity;
            for (int k = 0; k < q.Length; k++) largest = Math.Max(largest, (double)q[k][i] - z[k][row]);
            double sum = 0;
            for (int k = 0; k < q.Length; k++) sum += Math.Exp((double)q[k][i] - z[k][row] - largest);
            mean[i] = double.IsNegativeInfinity(largest) ? float.NegativeInfinity : (float)(largest + Math.Log(sum / q.Length));
        }

        return tape.Constant(mean, logits[0].Shape);
    }
}
