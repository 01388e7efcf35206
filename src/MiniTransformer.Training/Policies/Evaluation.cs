using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Judges;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>How many of a policy's responses are right.</summary>
/// <param name="Total">The fraction over all prompts.</param>
/// <param name="PerTask">The fraction by task name.</param>
/// <param name="Responses">The responses, one a prompt.</param>
/// <param name="Right">Whether each is right: a score of at least <see cref="Judge.Right"/>.</param>
public sealed record Accuracy(double Total, IReadOnlyDictionary<string, double> PerTask, SampledResponse[] Responses, bool[] Right)
{
    /// <summary>The verifier's mean score; the accuracy itself where scores are 0 and 1.</summary>
    public double MeanScore { get; init; } = Total;

    /// <summary>Responses that are wrong because nothing could be read in them that can be judged, such as no number.</summary>
    public int Unread { get; init; }

    /// <summary>Responses that are wrong because the judge failed on them.</summary>
    public int Failed { get; init; }

    /// <summary>The accuracy that follows from the scores of responses, one each, in [0, 1].</summary>
    public static Accuracy Of(SampledResponse[] responses, double[] scores, IReadOnlyList<string>? tasks = null)
    {
        bool[] right = [.. scores.Select(score => score >= Judge.Right)];
        Dictionary<string, double> perTask = tasks is null ? [] : tasks
            .Select((name, i) => (Name: name, Right: right[i]))
            .GroupBy(x => x.Name)
            .ToDictionary(g => g.Key, g => g.Count(x => x.Right) / (double)g.Count());
        return new Accuracy(right.Count(r => r) / (double)right.Length, perTask, responses,
            right)
        { MeanScore = scores.Sum() / scores.Length };
    }
}

/// <summary>What is measured of a policy on held-out prompts.</summary>
/// <param name="Greedy">Accuracy of the most probable tokens.</param>
/// <param name="Sampled">Accuracy of one response drawn at the method's temperature.</param>
/// <param name="Kl">
/// Mean over sampled responses of Σ_t KL(π(·|s_t) ‖ π_SFT(·|s_t)), in nats; π is the policy that they were drawn from, at its temperature,
/// π_SFT at 1. NaN where draws were cut to the most probable tokens.
/// </param>
/// <param name="Reward">Mean over sampled responses of Σ r̂ with the base as reference, in nats.</param>
/// <param name="Entropy">Mean entropy of the same π at visited states, in nats per token.</param>
/// <param name="Length">Mean length of sampled responses in tokens, the end token included.</param>
/// <param name="Ended">Fraction of sampled responses that ended with the end token.</param>
public sealed record Measurement(Accuracy Greedy, Accuracy Sampled, double Kl, double Reward, double Entropy, double Length, double Ended)
{
    /// <summary>What the policy is called; empty where nobody named it.</summary>
    public string Policy { get; init; } = "";

    /// <summary>log π of held-out completions, a response and a token, in nats; null where there are none.</summary>
    public (double PerResponse, double PerToken)? LogLikelihood { get; init; }

    /// <summary>Prompts that the policy, or its base, was trained on.</summary>
    public int TrainedPrompts { get; init; }
}

/// <summary>Exact match on held-out prompts, and distances between policies.</summary>
public static class Evaluation
{
    /// <summary>
    /// One response to each prompt, judged by its task. A response is right if it is the right text and then the end token.
    /// </summary>
    public static Accuracy Accuracy(Policy policy, IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer, SamplingOptions options)
    {
        int[][] ids = [.. prompts.Select(p => p.Encode(tokenizer).Ids)];
        return Judge(prompts, policy.Generate(ids, tokenizer.Tokens.Ends, options), tokenizer);
    }

    /// <summary>The fractions of responses that are right, in total and by task.</summary>
    public static Accuracy Judge(IReadOnlyList<TaskPrompt> prompts, SampledResponse[] responses, ITokenizer tokenizer) =>
        Training.Accuracy.Of(responses, TaskPrompt.Scores(prompts, [.. responses.Select(r => r.Ids)], tokenizer),
            [.. prompts.Select(p => p.Task.Name)]);

    /// <summary>All measures of one policy.</summary>
    /// <param name="policy">The policy: a model, or an <see cref="Extrapolation"/>.</param>
    /// <param name="reward">π_SFT as its expert, and the reference of the reward that is reported.</param>
    /// <param name="prompts">Held-out prompts.</param>
    /// <param name="tokenizer">Text to tokens.</param>
    /// <param name="sampling">Longest response, seed, and the temperature of the sampled column.</param>
    public static Measurement Measure(
        Policy policy, DenseReward reward, IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer, SamplingOptions sampling) => Measure(
        policy, reward, [.. prompts.Select(p => p.Encode(tokenizer).Ids)], responses => Judge(prompts, responses, tokenizer),
        tokenizer.Tokens.Ends, sampling);

    /// <summary>All measures of one policy, on prompts that need no task.</summary>
    /// <param name="policy">The policy: a model, or an <see cref="Extrapolation"/>.</param>
    /// <param name="reward">π_SFT as its expert, and the reference of the reward that is reported.</param>
    /// <param name="prompts">Token ids of held-out prompts.</param>
    /// <param name="judge">Says which of the responses, one a prompt, are right.</param>
    /// <param name="ends">The tokens that end a response.</param>
    /// <param name="sampling">Longest response, seed, and the temperature of the sampled column.</param>
    public static Measurement Measure(
        Policy policy, DenseReward reward, IReadOnlyList<int[]> prompts, Func<SampledResponse[], Accuracy> judge, EndTokens ends,
        SamplingOptions sampling)
    {
        Accuracy greedy = judge(policy.Generate(prompts, ends, sampling with { Temperature = 0 }));
        Accuracy sampled = judge(policy.Generate(prompts, ends, sampling));
        double kl = 0, entropy = 0, rewards = 0;
        int tokens = 0, done = 0;
        Example[] responses = [.. sampled.Responses.Select((r, i) => new Example(prompts[i], r.Ids))];
        Example[] scored = Array.FindAll(responses, e => e.ResponseIds.Length > 0 && e.Positions <= reward.MaxPositions);
        foreach (Example[] examples in scored.Chunk(256))
        {
            var batch = new ResponseBatch(examples);
            using Tape tape = Tape.NoGrad(policy.Device);
            PolicyRows expert = reward.Expert.Rows(tape, batch);
            (double batchKl, double batchEntropy) = AsDrawn(policy.Rows(tape, batch), expert, tape.Targets(batch), sampling);
            (kl, entropy) = (kl + batchKl, entropy + batchEntropy);
            rewards += reward.Score(tape, expert, batch).Values.Sum(x => (double)x);
            tokens += batch.N;
            done += examples.Length;
            sampling.Progress?.Invoke(new SamplingProgress(done, scored.Length, tokens, Measured: true));
        }

        double n = Math.Max(1, scored.Length), ended = sampled.Responses.Average(r => r.Ended ? 1.0 : 0);
        return new Measurement(
            greedy, sampled, kl / n, rewards / n, entropy / Math.Max(1, tokens), responses.Average(e => (double)e.ResponseIds.Length),
            ended);
    }

    // Σ KL(π_T ‖ π_SFT) and Σ H(π_T) over the states of a batch, π_T being the policy that was drawn from: softmax of Q/T, or at T = 0 all
    // on one token. Of a policy cut to its most probable tokens (top-k, top-p) neither is computed.
    private static (double Kl, double Entropy) AsDrawn(PolicyRows policy, PolicyRows expert, TokenIds drawn, SamplingOptions sampling)
    {
        if (sampling.TopK > 0 || sampling.TopP < 1) return (double.NaN, double.NaN);
        if (sampling.Temperature == 0) return (-Sum(expert.LogProb(drawn)), 0);
        Tensor[] measured = policy.Scaled(1 / sampling.Temperature).Measure(RowMeasure.Kl(expert), RowMeasure.Entropy);
        return (Sum(measured[0]), Sum(measured[1]));

        static double Sum(Tensor x) => LogitsException.Check(x.ToArray(), "the policy").Sum(v => (double)v);
    }

    /// <summary>Mean over responses of log π(response), and the same per token, on demonstrations: for data without a verifier.</summary>
    public static (double PerResponse, double PerToken) LogLikelihood(Policy policy, IReadOnlyList<Example> examples)
    {
        double sum = ResponseLikelihood.Of(policy, examples).Sum();
        int tokens = examples.Sum(e => e.ResponseIds.Length);
        return (sum / Math.Max(1, examples.Count), sum / Math.Max(1, tokens));
    }
}
