using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// Judges responses, one score each: 0 is wrong, 1 is right, and what lies between is partly right. The same response to the same prompt
/// always gets the same score. The responses of an update come together, or of each of its
/// pieces (MicroBatchSize), so that a slow judge may work on several at once.
/// </summary>
/// <param name="responses">Prompts with responses; a response holds the end token if it ended.</param>
public delegate double[] ResponseJudge(IReadOnlyList<Example> responses);

/// <summary>
/// A verifier's score as a reward on the response's last token, 0 on the others: the oracle that no method without a verifier has.
/// </summary>
/// <param name="expert">π_SFT.</param>
/// <param name="verifier">Judges a response.</param>
public sealed class JudgedReward(Transformer expert, ResponseJudge verifier) : ITokenReward
{
    /// <inheritdoc/>
    public Transformer Expert => expert;

    /// <summary>
    /// The verifier of tasks: the score that the task of its prompt gives a response, see <see cref="TaskPrompt.Scores"/>.
    /// </summary>
    /// <param name="prompts">All prompts that may be asked about.</param>
    /// <param name="tokenizer">Text to tokens.</param>
    public static ResponseJudge Of(IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer)
    {
        var byIds = prompts.DistinctBy(p => p.Text).ToDictionary(p => Key(p.Encode(tokenizer).Ids));
        return responses => TaskPrompt.Scores([.. responses.Select(PromptOf)], [.. responses.Select(r => r.ResponseIds)], tokenizer);

        TaskPrompt PromptOf(Example response) => byIds.TryGetValue(Key(response.PromptIds), out TaskPrompt? prompt)
            ? prompt
            : throw new ArgumentException($"The verifier knows {byIds.Count} prompts, but not '{tokenizer.Decode(response.PromptIds)}'; "
                + "give it all prompts that are trained on.");

        static string Key(int[] ids) => string.Join(',', ids);
    }

    /// <inheritdoc/>
    public TokenRewards Score(Tape tape, PolicyRows expert, ResponseBatch batch)
    {
        var rewards = new float[batch.N];
        AddScores(verifier, 1, batch, rewards);
        return new TokenRewards(rewards);
    }

    // Adds weight · v(x, y) to the last token of each response.
    internal static void AddScores(ResponseJudge verifier, double weight, ResponseBatch batch, float[] rewards)
    {
        double[] scores = verifier(batch.Examples);
        if (scores.Length != batch.B)
        {
            throw new ArgumentException($"The verifier gave {scores.Length} scores for {batch.B} responses; one each is needed.");
        }
        for (int b = 0; b < batch.B; b++)
        {
            if (!(scores[b] >= 0 && scores[b] <= 1))
            {
                throw new ArgumentException($"The verifier's score of a response is {scores[b]}; it must lie in [0, 1].");
            }
            if (batch.Starts[b] < batch.Starts[b + 1]) rewards[batch.Starts[b + 1] - 1] += (float)(weight * scores[b]);
        }
    }
}

/// <summary>
/// The recovered reward and a verifier's together: r_t = α r̂_t + (1 − α) v(x, y) [t is the last token]. r̂ is in nats and v in [0, 1], so
/// that α is a weight, not a share.
/// </summary>
public sealed class MixedReward : ITokenReward
{
    private readonly ResponseJudge verifier;

    /// <summary>The mixture.</summary>
    /// <param name="dense">r̂, or a variant of it.</param>
    /// <param name="verifier">v: judges a response.</param>
    /// <param name="alpha">α in [0, 1]; 1 is r̂ alone, 0 the verifier alone.</param>
    public MixedReward(DenseReward dense, ResponseJudge verifier, double alpha)
    {
        if (!(alpha >= 0 && alpha <= 1)) throw new ArgumentException($"α of the mixed reward must be in [0, 1], not {alpha}.");
        (Dense, this.verifier, Alpha) = (dense, verifier, alpha);
    }

    /// <summary>r̂.</summary>
    public DenseReward Dense { get; }

    /// <summary>α.</summary>
    public double Alpha { get; }

    /// <inheritdoc/>
    public Transformer Expert => Dense.Expert;

    /// <inheritdoc/>
    public int MaxPositions => Dense.MaxPositions;

    /// <inheritdoc/>
    public TokenRewards Score(Tape tape, PolicyRows expert, ResponseBatch batch)
    {
        TokenRewards dense = Dense.Score(tape, expert, batch);
        float[] rewards = [.. dense.Values.Select(r => (float)(Alpha * r))];
        JudgedReward.AddScores(verifier, 1 - Alpha, batch, rewards);
        return dense with { Values = rewards };
    }
}
