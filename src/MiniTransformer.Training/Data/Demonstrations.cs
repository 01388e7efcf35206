using System.Collections;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>Demonstrations in memory, in the order of the data.</summary>
public sealed class Demonstrations : IReadOnlyList<Example>
{
    private const ulong SplitStream = 0x53504C54UL << 32;

    private readonly Example[] examples;

    private Demonstrations(Example[] examples) => this.examples = examples;

    /// <summary>Number of examples.</summary>
    public int Count => examples.Length;

    /// <summary>The prompts, each once, in the order of their first example.</summary>
    public IReadOnlyList<Prompt> Prompts => field ??= examples.DistinctBy(e => e.PromptIds, SameIds.Instance)
        .Select(e => new Prompt(e.PromptIds, e.Prompt, e.Source)).ToArray();

    /// <summary>Example i.</summary>
    public Example this[int index] => examples[index];

    /// <summary>Reads a JSONL file; see <see cref="JsonlReader"/> for the forms of a line.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">Encodes text; null if all lines hold ids.</param>
    /// <param name="vocabSize">Ids must be smaller; the tokenizer's size if null.</param>
    /// <param name="options">Which turns carry loss, and who is told of columns that are not read.</param>
    /// <exception cref="DataException">A line cannot be used, or there is none.</exception>
    public static Demonstrations Load(string path, ITokenizer? tokenizer, int? vocabSize = null, JsonlOptions? options = null)
    {
        Demonstrations loaded = FromExamples(JsonlReader.Read(path, tokenizer, vocabSize, options));
        return loaded.Count > 0 ? loaded : throw new DataException($"{path}: the file holds no example.");
    }

    /// <summary>Demonstrations of these examples, which may be none.</summary>
    public static Demonstrations FromExamples(IEnumerable<Example> examples) => new([.. examples]);

    /// <summary>The examples of each distinct prompt (the same token ids), in the order of the data.</summary>
    public Example[][] ByPrompt => [.. examples.GroupBy(e => e.PromptIds, SameIds.Instance).Select(same => same.ToArray())];

    /// <summary>
    /// Splits by prompt: all examples of one prompt (the same token ids) fall on one side, so that nothing held out was seen in training.
    /// The prompts are drawn at random with the seed; both sides keep the order of the data.
    /// </summary>
    /// <param name="fraction">Share of the distinct prompts that go to training, strictly between 0 and 1; each side gets at least one
    /// prompt.</param>
    /// <param name="seed">The same seed and data give the same split.</param>
    /// <exception cref="DataException">There are fewer than two distinct prompts.</exception>
    public (Demonstrations Train, Demonstrations HeldOut) Split(double fraction, ulong seed)
    {
        if (!(fraction > 0 && fraction < 1))
            throw new ArgumentOutOfRangeException(nameof(fraction), fraction,
                "The fraction for training must lie strictly between 0 and 1.");
        int[][] prompts = Prompts.Select(p => p.Ids).ToArray();
        if (prompts.Length < 2)
            throw new DataException($"Cannot split {Count} examples by prompt: they have {prompts.Length} distinct prompt(s), and each "
                + "side needs one.");
        new Rng(seed, SplitStream).Shuffle<int[]>(prompts);
        int kept = Math.Clamp((int)Math.Round(fraction * prompts.Length), 1, prompts.Length - 1);
        HashSet<int[]> train = new(prompts.Take(kept), SameIds.Instance);
        ILookup<bool, Example> sides = examples.ToLookup(e => train.Contains(e.PromptIds));
        return (FromExamples(sides[true]), FromExamples(sides[false]));
    }

    /// <summary>The examples whose prompts are none of the others'.</summary>
    public Demonstrations Without(Demonstrations others)
    {
        ArgumentNullException.ThrowIfNull(others);
        HashSet<int[]> prompts = new(others.Select(e => e.PromptIds), SameIds.Instance);
        return FromExamples(examples.Where(e => !prompts.Contains(e.PromptIds)));
    }

    /// <summary>Refuses examples of which some have a right answer and others none: an accuracy over both would mean two things.</summary>
    /// <exception cref="DataException">Names the first that has none.</exception>
    public void CheckGold()
    {
        if (Array.Exists(examples, e => e.Gold is not null) && Array.Find(examples, e => e.Gold is null) is { } first)
            throw new DataException($"{first.Source ?? "an example made in memory"}: other lines have a right answer ('answer' or 'gold') "
                + "and this one has none; give every line one, or none.");
    }

    /// <summary>
    /// Refuses examples that a model with this many positions cannot hold. An example needs one position a token but for the last.
    /// </summary>
    /// <exception cref="DataException">Names the first such example, and says how many there are.</exception>
    public void CheckLength(int maxPositions)
    {
        Example[] tooLong = Array.FindAll(examples, e => e.Positions > maxPositions);
        if (tooLong.Length == 0) return;
        Example first = tooLong[0];
        throw new DataException($"{first.Source ?? "an example made in memory"}: {first.PromptIds.Length} prompt and "
            + $"{first.ResponseIds.Length} response tokens need " +
            $"{first.Positions} positions, and the model has {maxPositions}; {tooLong.Length} of {Count} examples are too long, and the "
                + "longest needs " +
            $"{tooLong.Max(e => e.Positions)}. Shorten or remove them, or raise max_position_embeddings.");
    }

    /// <inheritdoc/>
    public IEnumerator<Example> GetEnumerator() => ((IEnumerable<Example>)examples).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => examples.GetEnumerator();

    private sealed class SameIds : IEqualityComparer<int[]>
    {
        public static readonly SameIds Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] ids)
        {
            HashCode hash = default;
            foreach (int id in ids) hash.Add(id);
            return hash.ToHashCode();
        }
    }
}
