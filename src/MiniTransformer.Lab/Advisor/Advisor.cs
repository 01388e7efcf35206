using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>The settings of <see cref="Advisor"/>.</summary>
public sealed record AdvisorOptions
{
    /// <summary>α of the extrapolated decoding: 1 stands for DPR's β = 1, whose optimum is π_SFT (π_SFT/π_ref)^{1/β}.</summary>
    public float Alpha { get; init; } = 1;

    /// <summary>
    /// A DPR run whose own strength takes the place of <see cref="Alpha"/>, for each candidate; see <see cref="Advisor.MatchedAlpha"/>.
    /// Null takes Alpha for all.
    /// </summary>
    public DprOptions? Match { get; init; }

    /// <summary>The gain from which on an action is worth its cost: a fraction of the prompts, or nats a response.</summary>
    public double Threshold { get; init; } = .01;

    /// <summary>The longest response in tokens, and the seed of the sampled column.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>The continued SFT that is tried; null tries none.</summary>
    public SftOptions? Continued { get; init; } = ContinuedFor(new SftOptions(), new DprOptions());

    /// <summary>A continued SFT with a part of the sequences that DPR would draw, under the settings of the SFT before it.</summary>
    public static SftOptions ContinuedFor(SftOptions sft, DprOptions dpr, double part = .25) => sft with
    {
        Steps = Math.Max(1, (int)Math.Round(part * dpr.Updates * dpr.PromptsPerUpdate / sft.BatchSize)),
        KeepAt = [],
        Seed = NamedSeed.Of("advisor", sft.Seed),
    };
}

/// <summary>
/// Says whether DPR will help before it is run. DPR walks from π_ref through π_SFT onwards; decoding from π_SFT (π_SFT/π_ref)^α, normalised
/// at each state, takes a step that way without training, and its greedy accuracy minus SFT's on validation prompts is the predicted gain.
/// A short continued SFT beside it shows whether more imitation would do better. The rule is <see cref="Advice.Decide"/>. What it predicts
/// is a gain over SFT in greedy accuracy, with DPR's plain r̂; a prompt that it chooses on is no longer held out.
/// </summary>
public static class Advisor
{
    /// <summary>Tries everything and decides, by the greedy accuracy of task prompts.</summary>
    /// <param name="sft">π_SFT; it stays as it is.</param>
    /// <param name="references">The candidates, the base among them where there is one.</param>
    /// <param name="validation">Prompts that are neither trained on nor evaluated on.</param>
    /// <param name="tokenizer">Text to tokens.</param>
    /// <param name="demonstrations">What continued SFT goes on with.</param>
    /// <param name="options">Settings.</param>
    public static Advice Advise(
        Transformer sft, IReadOnlyList<(string Name, Transformer Model)> references, IReadOnlyList<TaskPrompt> validation,
        ITokenizer tokenizer,
        IReadOnlyList<Example> demonstrations, AdvisorOptions options)
    {
        int[][] prompts = [.. validation.Select(p => p.Encode(tokenizer).Ids)];
        IEnumerable<AdvisedPolicy> rows = ByAccuracy(
            sft, references, prompts, responses =>
                Evaluation.Judge(validation, responses, tokenizer), tokenizer.Tokens.Ends, demonstrations, options);
        return Decide([.. rows], AdviceScore.Accuracy, prompts.Length, options);
    }

    /// <summary>The rows by greedy accuracy as they are measured: SFT, each candidate under extrapolated decoding, continued SFT.</summary>
    /// <param name="sft">π_SFT; it stays as it is.</param>
    /// <param name="references">The candidates.</param>
    /// <param name="prompts">Token ids of validation prompts.</param>
    /// <param name="judge">Says which of the responses, one a prompt, are right.</param>
    /// <param name="ends">The tokens that end a response.</param>
    /// <param name="demonstrations">What continued SFT goes on with.</param>
    /// <param name="options">Settings.</param>
    public static IEnumerable<AdvisedPolicy> ByAccuracy(
        Transformer sft, IReadOnlyList<(string Name, Transformer Model)> references, IReadOnlyList<int[]> prompts,
        Func<SampledResponse[], Accuracy> judge, EndTokens ends,
        IReadOnlyList<Example> demonstrations, AdvisorOptions options)
    {
        return Rows(sft, references, demonstrations, options, prompts, ends, policy => new Scores(Right(policy, 0), Right(policy, 1)));

        double[] Right(Policy policy, float temperature) =>
            [.. judge(policy.Generate(prompts, ends, options.Sampling with { Temperature = temperature })).Right.Select(right =>
                right ? 1.0 : 0)];
    }

    /// <summary>
    /// The same by the log-likelihood of demonstrations that took no part in training, for data without a verifier. See
    /// <see cref="AdviceScore.LogLikelihood"/> for when it must not be trusted.
    /// </summary>
    /// <param name="sft">π_SFT; it stays as it is.</param>
    /// <param name="references">The candidates.</param>
    /// <param name="heldOut">Validation demonstrations.</param>
    /// <param name="ends">The tokens that end a response.</param>
    /// <param name="demonstrations">What continued SFT goes on with.</param>
    /// <param name="options">Settings.</param>
    public static IEnumerable<AdvisedPolicy> ByLikelihood(
        Transformer sft, IReadOnlyList<(string Name, Transformer Model)> references, IReadOnlyList<Example> heldOut, EndTokens ends,
        IReadOnlyList<Example> demonstrations, AdvisorOptions options) => Rows(
        sft, references, demonstrations, options, [.. heldOut.Select(e => e.PromptIds)], ends,
        policy => new Scores(ResponseLikelihood.Of(policy, heldOut), null));

    /// <summary>
    /// The α of the policy that a run of DPR heads for. It divides its advantages A by their root mean square, so that its KL to π_SFT
    /// weighs β rms(A) beside r̂ itself:
    /// <code>
    /// α = 1 / (β rms(A)),   A = return-to-go of r̂ − its mean at the position, on π_SFT's own responses
    /// </code>
    /// A reference near π_SFT has a small r̂ and a large α. Without whitening it is 1/β.
    /// </summary>
    /// <param name="sft">π_SFT.</param>
    /// <param name="reference">π_ref.</param>
    /// <param name="responses">Responses of π_SFT at temperature 1.</param>
    /// <param name="dpr">The run.</param>
    /// <exception cref="ArgumentException">β is 0: nothing holds the policy, and there is no such α.</exception>
    public static float MatchedAlpha(Transformer sft, Transformer reference, IReadOnlyList<Example> responses, DprOptions dpr)
    {
        if (!(dpr.Beta > 0))
        {
            throw new ArgumentException("Advisor: with β = 0 nothing holds DPR near π_SFT, so that no α of extrapolated decoding stands "
                + "for it; give one.");
        }
        if (!dpr.Whiten) return (float)(1 / dpr.Beta);
        var batch = new ResponseBatch(responses);
        float[] rHat = new DenseReward(sft, reference).Recover(batch).RHat;
        float[] advantages = Returns.MinusPositionMean(Returns.ToGo(rHat, batch.Starts, dpr.Gamma), batch.Starts);
        double rms = Math.Sqrt(advantages.Average(a => (double)a * a));
        return (float)(1 / (dpr.Beta * Math.Max(rms, Returns.SmallestRms)));
    }

    /// <summary>Applies the rule to the rows.</summary>
    public static Advice Decide(IReadOnlyList<AdvisedPolicy> rows, AdviceScore scoredBy, int cases, AdvisorOptions options)
    {
        AdvisedPolicy? continued = rows.FirstOrDefault(r => r.Kind == AdvisedKind.ContinuedSft);
        (AdviceAction action, string? reference, double gain) = Advice.Decide(
            [.. rows.Where(r => r.Kind == AdvisedKind.Reference).Select(r => (r.Name, r.Gain))], continued?.Gain, options.Threshold);
        return new Advice(
            action, reference, gain, scoredBy, cases, options.Threshold, continued is null ? 0 : options.Continued!.Steps, [.. rows]);
    }

    // One value a validation case: of the score, and of sampled responses where they are scored.
    private readonly record struct Scores(double[] Score, double[]? Sampled);

    private static IEnumerable<AdvisedPolicy> Rows(
        Transformer sft, IReadOnlyList<(string Name, Transformer Model)> references, IReadOnlyList<Example> demonstrations,
        AdvisorOptions options,
        IReadOnlyList<int[]> prompts, EndTokens ends, Func<Policy, Scores> score)
    {
        if (prompts.Count == 0)
        {
            throw new ArgumentException("Advisor: there is nothing to validate on; at least one prompt or demonstration that was held out "
                + "is needed.");
        }
        if (references.Count == 0 && options.Continued is null)
        {
            throw new ArgumentException("Advisor: there is neither a candidate reference nor a continued SFT to try.");
        }
        foreach ((string name, Transformer model) in references)
        {
            if (model.Config.VocabSize != sft.Config.VocabSize)
                throw new ArgumentException($"Advisor: SFT has a vocabulary of {sft.Config.VocabSize}, the reference '{name}' one of "
                    + $"{model.Config.VocabSize}; they must share a tokenizer.");
        }

        return Measure();

        IEnumerable<AdvisedPolicy> Measure()
        {
            Scores before = score(sft);
            yield return Row(AdvisedKind.Sft, "SFT", before, before);
            Example[] drawn = options.Match is null ? []
                : [.. Sampler.Generate(sft, prompts, ends, options.Sampling with { Temperature = 1 })
                    .Select((r, i) => new Example(prompts[i], r.Ids)).Where(e => e.ResponseIds.Length > 0)];
            foreach ((string name, Transformer model) in references)
            {
                float alpha = options.Match is null ? options.Alpha : MatchedAlpha(sft, model, drawn, options.Match);
                yield return Row(AdvisedKind.Reference, name, score(new Extrapolation(sft, model, alpha)), before) with { Alpha = alpha };
            }

            if (options.Continued is null) yield break;
            using Transformer policy = sft.Clone(trainable: true);
            foreach (SftStep _ in Sft.Train(policy, demonstrations, options.Continued))
            {
            }

            yield return Row(AdvisedKind.ContinuedSft, "continued SFT", score(policy), before);
        }
    }

    private static AdvisedPolicy Row(AdvisedKind kind, string name, Scores scores, Scores before)
    {
        (double gain, double error) = Paired(scores.Score, before.Score);
        return new AdvisedPolicy(kind, name, scores.Score.Average(), scores.Sampled?.Average(), gain, error,
            scores.Sampled?.Average() - before.Sampled?.Average())
        {
            Won = scores.Score.Zip(before.Score).Count(pair => pair.First > pair.Second),
            Lost = scores.Score.Zip(before.Score).Count(pair => pair.First < pair.Second),
        };
    }

    // d = Σ dᵢ / n and s/√n, s² = Σ (dᵢ − d)² / (n − 1), of the differences dᵢ on the same case
    private static (double Mean, double StandardError) Paired(double[] values, double[] baseline)
    {
        double[] differences = [.. values.Zip(baseline, (a, b) => a - b)];
        double mean = differences.Average(), n = differences.Length;
        return (mean, n < 2 ? double.NaN : Math.Sqrt(differences.Sum(d => (d - mean) * (d - mean)) / (n - 1) / n));
    }
}
