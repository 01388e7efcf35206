using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Data.Tasks;

/// <summary>
/// Someone who demonstrates tasks imperfectly. With probability <see cref="Good"/> the answer is right; otherwise it is one of the faulty
/// kinds, in proportion to their weights. Then, in every answer, each character is wrong with probability <see cref="LetterErrors"/>,
/// independently.
/// </summary>
public sealed record Demonstrator
{
    private const ulong AnswerStream = 0x414E5357UL << 32;

    /// <summary>Always right.</summary>
    public static Demonstrator Perfect { get; } = new();

    /// <summary>Probability of the right answer.</summary>
    public double Good { get; init; } = 1;

    /// <summary>Weight of a lazy answer that copies the input.</summary>
    public double Copy { get; init; } = .65;

    /// <summary>Weight of a lazy answer that stops after ⌊n/2⌋ characters of the right one.</summary>
    public double Cut { get; init; } = .15;

    /// <summary>Weight of a corrupted answer: the right one with one character, drawn at random, replaced by another.</summary>
    public double WrongLetter { get; init; }

    /// <summary>Probability with which each character of an answer is replaced by another.</summary>
    public double LetterErrors { get; init; }

    /// <summary>An answer drawn at random.</summary>
    /// <exception cref="ArgumentException">A probability is outside [0, 1], or the weights do not say which faulty answer to
    /// give.</exception>
    public string Answer(ITask task, string prompt, Rng rng)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(rng);
        Check();
        string right = task.Answer(prompt);
        string answer = right;
        if (rng.NextDouble() >= Good)
        {
            double kind = rng.NextDouble() * (Copy + Cut + WrongLetter);
            answer = kind < Copy ? task.Input(prompt) : kind < Copy + Cut ? right[..(right.Length / 2)] : ReplaceOne(right, rng);
        }

        if (LetterErrors == 0) return answer;
        char[] letters = answer.ToCharArray();
        for (int i = 0; i < letters.Length; i++)
        {
            if (rng.NextDouble() < LetterErrors) letters[i] = Another(letters[i], rng);
        }

        return new string(letters);
    }

    /// <summary>
    /// A demonstration of each prompt, in order. Demonstration i depends on the seed, on i and on its prompt alone; give each set of
    /// demonstrations a seed of its own, or the same places of two sets will be the good ones.
    /// </summary>
    public Example[] Demonstrate(IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        Example[] examples = new Example[prompts.Count];
        for (int i = 0; i < examples.Length; i++)
        {
            TaskPrompt prompt = prompts[i];
            string answer = Answer(prompt.Task, prompt.Text, new Rng(seed, AnswerStream + (uint)i));
            examples[i] = Example.FromText(prompt.Text, answer, tokenizer, $"{prompt.Task.Name}:{i + 1}");
        }

        return examples;
    }

    private static string ReplaceOne(string text, Rng rng)
    {
        if (text.Length == 0) return "a";
        int i = rng.NextInt(text.Length);
        return $"{text[..i]}{Another(text[i], rng)}{text[(i + 1)..]}";
    }

    // Another character of the same kind: a digit for a digit, a capital for a capital, else one of the letters that words are made of.
    private static char Another(char letter, Rng rng)
    {
        string kind = char.IsAsciiDigit(letter) ? "0123456789" : char.IsAsciiLetterUpper(letter) ? "ABCDEFGHIJ" : "abcdefghij";
        int place = kind.IndexOf(letter, StringComparison.Ordinal);
        return place < 0 ? kind[rng.NextInt(kind.Length)] : kind[(place + 1 + rng.NextInt(kind.Length - 1)) % kind.Length];
    }

    private void Check()
    {
        if (!(Good is >= 0 and <= 1)) throw new ArgumentException($"Good is {Good}; a probability lies in [0, 1].");
        if (!(LetterErrors is >= 0 and <= 1)) throw new ArgumentException($"LetterErrors is {LetterErrors}; a probability lies in [0, 1].");
        if (!(Copy >= 0 && Cut >= 0 && WrongLetter >= 0 && double.IsFinite(Copy + Cut + WrongLetter)))
            throw new ArgumentException($"Copy = {Copy}, Cut = {Cut}, WrongLetter = {WrongLetter}: weights are finite and not negative.");
        if (Good < 1 && Copy + Cut + WrongLetter == 0)
            throw new ArgumentException($"Good is {Good}, but Copy, Cut and WrongLetter are all 0: give one of them weight, so that there "
                + "is a faulty answer to give.");
    }
}
