using System.Globalization;
using System.Text;

namespace MiniTransformer.Text.Bpe;

/// <summary>Unicode's normalization forms.</summary>
internal enum UnicodeForm
{
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

/// <summary>
/// Normalization by Unicode Standard Annex 15, with the tables of Unicode 9 that Hugging Face's tokenizers use whatever their version (and
/// .NET without ICU has none): characters are decomposed, marks sorted by their class, and, for the composed forms, put together again.
/// </summary>
internal static class UnicodeNormalization
{
    // Hangul syllables are computed: 19 first, 21 middle and 27 last letters.
    private const int HangulFirst = 0xAC00, HangulCount = 11172, LetterL = 0x1100, LetterV = 0x1161, LetterT = 0x11A7, CountL = 19,
        CountV = 21, CountT = 28;

    private static readonly Lazy<Tables> Loaded = new(() => new Tables());

    private readonly record struct Character(int CodePoint, int Class, int Origin);

    /// <summary>A text in a form.</summary>
    public static AlignedText Normalize(AlignedText text, UnicodeForm form)
    {
        // Below U+0300 nothing is composed; U+00C0 and on decompose, U+00A0 and on have compatible forms.
        char changes = form switch { UnicodeForm.Nfc => '\u0300', UnicodeForm.Nfd => '\u00C0', _ => '\u00A0' };
        AlignedText.Rewriting? rewriting = null;
        Span<char> buffer = stackalloc char[2];
        int copied = 0;
        List<Character> characters = [];
        for (int end = 0; text.Text.AsSpan(end).IndexOfAnyInRange(changes, char.MaxValue) is var found and >= 0;)
        {
            // What may change is a run of such characters and the one before it; on both sides of it stands what never changes.
            int first = end + found, start = Math.Max(first - 1, copied);
            int after = text.Text.AsSpan(first).IndexOfAnyExceptInRange(changes, char.MaxValue);
            end = after < 0 ? text.Text.Length : first + after;
            if (!Changes(text.Text, start, end, form, characters)) continue;
            rewriting ??= new AlignedText.Rewriting(text);
            rewriting.Copy(copied, start);
            foreach (Character character in characters)
                rewriting.Write(buffer[..new Rune(character.CodePoint).EncodeToUtf16(buffer)], character.Origin);
            copied = end;
        }

        if (rewriting is null) return text;
        rewriting.Copy(copied, text.Text.Length);
        return rewriting.Done();
    }

    // A part's normalized characters, and whether they are others than it has.
    private static bool Changes(string text, int start, int end, UnicodeForm form, List<Character> characters)
    {
        bool compatible = form is UnicodeForm.Nfkc or UnicodeForm.Nfkd;
        characters.Clear();
        for (int i = start; i < end;)
        {
            int codePoint = UnicodeText.At(text, i, out int width);
            Decompose(codePoint, compatible, i, characters);
            i += width;
        }

        SortMarks(characters);
        if (form is UnicodeForm.Nfc or UnicodeForm.Nfkc) Compose(characters);
        int at = start;
        foreach (Character character in characters)
        {
            if (at >= end || UnicodeText.At(text, at, out int width) != character.CodePoint) return true;
            at += width;
        }

        return at != end;
    }

    private static void Decompose(int codePoint, bool compatible, int origin, List<Character> to)
    {
        Tables data = Loaded.Value;
        int syllable = codePoint - HangulFirst;
        if (syllable is >= 0 and < HangulCount)
        {
            to.Add(new Character(LetterL + syllable / (CountV * CountT), 0, origin));
            to.Add(new Character(LetterV + syllable % (CountV * CountT) / CountT, 0, origin));
            if (syllable % CountT != 0) to.Add(new Character(LetterT + syllable % CountT, 0, origin));
        }
        else if (data.Canonical.TryGetValue(codePoint, out int[]? parts)
            || (compatible && data.Compatible.TryGetValue(codePoint, out parts)))
        {
            foreach (int part in parts) Decompose(part, compatible, origin, to);
        }
        else
        {
            to.Add(new Character(codePoint, data.Classes.GetValueOrDefault(codePoint), origin));
        }
    }

    // Marks of different classes after the same base, in the order of their classes; a stable sort of each run.
    private static void SortMarks(List<Character> characters)
    {
        for (int start = 0; start < characters.Count; start++)
        {
            if (characters[start].Class == 0) continue;
            int end = start + 1;
            while (end < characters.Count && characters[end].Class != 0) end++;
            Character[] run = [.. characters[start..end].OrderBy(character => character.Class)];
            for (int i = 0; i < run.Length; i++) characters[start + i] = run[i];
            start = end;
        }
    }

    private static void Compose(List<Character> characters)
    {
        int written = 0, starter = -1, last = 0;
        for (int i = 0; i < characters.Count; i++)
        {
            Character character = characters[i];
            if (starter >= 0 && (last < character.Class || last == 0)
                && Composed(characters[starter].CodePoint, character.CodePoint) is { } composed)
            {
                characters[starter] = characters[starter] with { CodePoint = composed };
                continue;
            }

            if (character.Class == 0) starter = written;
            last = character.Class;
            characters[written++] = character;
        }

        characters.RemoveRange(written, characters.Count - written);
    }

    private static int? Composed(int first, int second)
    {
        if (first - LetterL is var l and >= 0 and < CountL && second - LetterV is var v and >= 0 and < CountV)
            return HangulFirst + (l * CountV + v) * CountT;
        if (first - HangulFirst is var lv and >= 0 and < HangulCount && lv % CountT == 0 && second - LetterT is var t and > 0 and < CountT)
            return first + t;
        return Loaded.Value.Composed.TryGetValue((first, second), out int composed) ? composed : null;
    }

    // Lines of Normalization.txt: "00C0 = 0041 0300" composes and decomposes, "0958 ! 0915 093C" decomposes, "00A0 ~ 0020" is compatible,
    // "^ 230 0300-0314 033D" are the classes of marks.
    private sealed class Tables
    {
        public readonly Dictionary<int, int[]> Canonical = [], Compatible = [];
        public readonly Dictionary<(int First, int Second), int> Composed = [];
        public readonly Dictionary<int, int> Classes = [];

        public Tables()
        {
            using Stream stream = typeof(Tables).Assembly.GetManifestResourceStream("MiniTransformer.Text.Bpe.Normalization.txt")
                ?? throw new InvalidOperationException("The library was built without its normalization tables.");
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
            {
                string[] words = line.Split(' ');
                if (words[0] == "#") continue;
                if (words[0] == "^")
                {
                    foreach (string range in words.AsSpan(2))
                    {
                        string[] ends = range.Split('-');
                        for (int c = Hex(ends[0]); c <= Hex(ends[^1]); c++) Classes[c] = int.Parse(words[1], CultureInfo.InvariantCulture);
                    }

                    continue;
                }

                int codePoint = Hex(words[0]);
                int[] parts = [.. words.Skip(2).Select(Hex)];
                (words[1] == "~" ? Compatible : Canonical)[codePoint] = parts;
                if (words[1] == "=") Composed[(parts[0], parts[1])] = codePoint;
            }
        }

        private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
