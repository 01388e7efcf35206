using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class TokenCreditTests
{
    [DeviceTheory, OnEveryDevice]
    public void Rewards_add_up_to_the_sequences_log_ratio_and_r_Q_telescopes(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer expert = Toy.Model(device, 1), reference = Toy.Model(device, 2);
        var batch = new ResponseBatch(Toy.Examples);
        TokenScores scores = TokenCredit.Score(expert, [reference], batch);
        for (int b = 0; b < batch.B; b++)
        {
            // log π(y|x) by the function that evaluates held-out demonstrations, one response at a time.
            double logExpert = Evaluation.LogLikelihood(expert, [Toy.Examples[b]]).PerResponse;
            double logReference = Evaluation.LogLikelihood(reference, [Toy.Examples[b]]).PerResponse;
            Range of = batch.Starts[b]..batch.Starts[b + 1];
            double rHat = scores.LogProb[of].Zip(scores.References[0].LogProb[of], (p, q) => (double)p - q).Sum();
            Assert.Equal(logExpert - logReference, rHat, 1e-5); // up to 3 tokens in float32, of size below 5
            Assert.Equal(logExpert + scores.Value[batch.Starts[b]], scores.RQ[of].Sum(x => (double)x), 1e-5); // Σ r_Q = Σ log π + V(s₀)
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void Alternatives_are_the_most_probable_tokens_in_order_under_all_policies(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer expert = Toy.Model(device, 1), reference = Toy.Model(device, 2);
        Example example = Toy.Examples[7];
        int v = Toy.Config.VocabSize;
        TokenAlternatives most = TokenCredit.Score(expert, [reference], new ResponseBatch([example]), alternatives: 4).Alternatives!;
        Assert.Equal(4, most.K);
        for (int t = 0; t < example.ResponseIds.Length; t++)
        {
            // log π of every token of the vocabulary at this state: each put in the response's place.
            double[] expected = All(expert, t), other = All(reference, t);
            int[] order = [.. Enumerable.Range(0, v).OrderByDescending(id => expected[id])];
            for (int j = 0; j < 4; j++)
            {
                int at = t * 4 + j;
                Assert.Equal(order[j], most.Ids[at]);
                Assert.Equal(expected[order[j]], most.LogProb[at], 1e-5);
                Assert.Equal(other[order[j]], most.ReferenceLogProbs[0][at], 1e-5);
            }
        }

        TokenAlternatives whole = TokenCredit.Score(expert, [], new ResponseBatch([example]), alternatives: 99).Alternatives!;
        Assert.Equal(v, whole.K); // no more than there are
        Assert.Equal(1, whole.LogProb.Take(v).Sum(Math.Exp), 1e-5);
        Assert.Null(TokenCredit.Score(expert, [], new ResponseBatch([example])).Alternatives);

        double[] All(Transformer model, int t) => [.. Enumerable.Range(0, v).Select(id =>
            (double)TokenCredit.Score(model, [],
                new ResponseBatch([example with { ResponseIds = [.. example.ResponseIds[..t], id] }])).LogProb[t])];
    }

    [Fact]
    public void A_reference_with_another_vocabulary_is_refused()
    {
        using Device device = Device.Cpu(1);
        using Transformer expert = Toy.Model(device, 1), other = new(Toy.Config with { VocabSize = 10 }, ParameterSource.Random(device, 1));
        string message = Assert.Throws<ArgumentException>(() =>
            TokenCredit.Score(expert, [other], new ResponseBatch(Toy.Examples))).Message;
        Assert.Contains("a vocabulary of 9, the reference one of 10", message, StringComparison.Ordinal);
    }
}
