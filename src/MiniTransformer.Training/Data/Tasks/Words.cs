using MiniTransformer.Tensors;

namespace MiniTransformer.Data.Tasks;

/// <summary>Random words: the length is uniform between the two given, and every letter is uniform over the alphabet.</summary>
/// <param name="MinLength">Fewest letters, at least 1.</param>
/// <param name="MaxLength">Most letters.</param>
/// <param name="Alphabet">The letters, lower case from a to z, each once.</param>
public sealed record Words(int MinLength = 4, int MaxLength = 6, string Alphabet = "abcdefghij")
{
    /// <summary>4 to 6 letters from a to j.</summary>
    public static Words Default { get; } = new();

    /// <summary>A word drawn at random.</summary>
    /// <exception cref="ArgumentException">The lengths or the alphabet are not possible ones.</exception>
    public string Draw(Rng rng)
    {
        ArgumentNullException.ThrowIfNull(rng);
        Check();
        char[] word = new char[MinLength + rng.NextInt(MaxLength - MinLength + 1)];
        for (int i = 0; i < word.Length; i++) word[i] = Alphabet[rng.NextInt(Alphabet.Length)];
        return new string(word);
    }

    private void Check()
    {
        if (MinLength < 1 || MaxLength < MinLength)
            throw new ArgumentException($"Words of {MinLength} to {MaxLength} letters are not possible: needed is 1 ≤ MinLength ≤ "
                + "MaxLength.");
        if (Alphabet.Length == 0 || !Alphabet.All(char.IsAsciiLetterLower) || Alphabet.Distinct().Count() != Alphabet.Length)
            throw new ArgumentException($"The alphabet '{Alphabet}' must be different lower-case letters from a to z, at least one.");
    }
}
