namespace MiniTransformer.Text.Bpe;

/// <summary>
/// A regular expression in Oniguruma's syntax (what Hugging Face's tokenizers use), matched over code points: .NET's own works on halves of
/// surrogate pairs and folds cases otherwise. Tries alternatives in order and backtracks with a stack of its own, so that neither a long
/// text nor a malicious pattern exhausts the thread's; the number of steps is bounded.
/// </summary>
internal sealed class Pattern : IDelimiter
{
    private const long StepsPerCharacter = 1000, LeastSteps = 1_000_000;

    private readonly string source;
    private readonly PatternStep[] steps;

    /// <summary>A pattern.</summary>
    /// <exception cref="NotSupportedException">It uses what is not implemented; the message names it.</exception>
    /// <exception cref="InvalidDataException">It is no pattern; the message names the place.</exception>
    public Pattern(string source) => (this.source, steps) = (source, PatternProgram.Compile(source));

    /// <inheritdoc/>
    public void Find(ReadOnlySpan<char> text, List<Range> matches)
    {
        var attempt = new Attempt(this, text.Length);
        int start = 0, afterMatch = -1;
        while (start <= text.Length)
        {
            int end = attempt.Match(text, 0, start);

            // An empty match right after a match is none.
            if (end > start || (end == start && start != afterMatch)) matches.Add(start..end);
            if (end > start) start = afterMatch = end;
            else if (start >= text.Length) return;
            else
            {
                UnicodeText.At(text, start, out int width);
                start += width;
            }
        }
    }

    // A way that is left to try: the step, the position, and, where a repetition took many, the position that it gives back down to (else
    // −1).
    private readonly record struct Way(int Step, int Position, int Floor);

    private sealed class Attempt(Pattern pattern, int length)
    {
        private readonly PatternStep[] steps = pattern.steps;
        private long budget = LeastSteps + StepsPerCharacter * length;
        private Way[] ways = new Way[64];
        private int count;

        // The end of the first match of the steps from one on, −1 for none.
        public int Match(ReadOnlySpan<char> text, int step, int position)
        {
            int bottom = count;
            while (true)
            {
                if (--budget < 0)
                {
                    throw new ArgumentException($"The tokenizer's regular expression '{pattern.source}' takes too many steps on this "
                        + "text.");
                }
                ref readonly PatternStep now = ref steps[step];
                switch (now.Operation)
                {
                    case PatternOperation.Take:
                        int width = now.Set!.Width(text, position);
                        if (width == 0) goto default;
                        position += width;
                        step++;
                        continue;
                    case PatternOperation.TakeMany:
                        if (!TakeMany(text, now, step, ref position)) goto default;
                        step++;
                        continue;
                    case PatternOperation.Try:
                        Push(new Way(now.B, position, -1));
                        step = now.A;
                        continue;
                    case PatternOperation.Jump:
                        step = now.A;
                        continue;
                    case PatternOperation.Ahead or PatternOperation.NotAhead:
                        if (Match(text, step + 1, position) >= 0 != (now.Operation == PatternOperation.Ahead)) goto default;
                        step = now.A;
                        continue;
                    case PatternOperation.Behind or PatternOperation.NotBehind:
                        int before = Back(text, position, now.B);
                        bool stands = before >= 0 && Match(text, step + 1, before) == position;
                        if (stands != (now.Operation == PatternOperation.Behind)) goto default;
                        step = now.A;
                        continue;
                    case PatternOperation.Atomic:
                        int end = Match(text, step + 1, position);
                        if (end < 0) goto default;
                        (step, position) = (now.A, end);
                        continue;
                    case PatternOperation.Place:
                        if (!Stands(text, position, (Anchor)now.A)) goto default;
                        step++;
                        continue;
                    case PatternOperation.Accept:
                        count = bottom;
                        return position;
                    default:
                        if (count == bottom) return -1;
                        Way way = ways[--count];
                        (step, position) = (way.Step, way.Position);
                        if (way.Floor < 0) continue;
                        UnicodeText.Before(text, position, out int back);
                        position -= back;
                        if (position > way.Floor) Push(new Way(step, position, way.Floor));
                        continue;
                }
            }
        }

        private bool TakeMany(ReadOnlySpan<char> text, in PatternStep now, int step, ref int position)
        {
            CharacterSet set = now.Set!;
            int taken = 0, floor = position;
            while (taken != now.B)
            {
                int width = set.Width(text, position);
                if (width == 0) break;
                position += width;
                if (++taken == now.A) floor = position;
            }

            budget -= taken;
            if (taken < now.A) return false;
            if (position > floor && now.Greed == Greed.Greedy) Push(new Way(step + 1, position, floor));
            return true;
        }

        private void Push(Way way)
        {
            if (count == ways.Length) Array.Resize(ref ways, count * 2);
            ways[count++] = way;
        }

        private static int Back(ReadOnlySpan<char> text, int position, int codePoints)
        {
            for (; codePoints > 0; codePoints--)
            {
                if (position == 0) return -1;
                UnicodeText.Before(text, position, out int width);
                position -= width;
            }

            return position;
        }

        private static bool Stands(ReadOnlySpan<char> text, int position, Anchor anchor) => anchor switch
        {
            Anchor.TextStart => position == 0,
            Anchor.TextEnd => position == text.Length,
            Anchor.LastLineEnd => position == text.Length || (position == text.Length - 1 && text[position] == '\n'),
            Anchor.LineStart => position == 0 || (text[position - 1] == '\n' && position < text.Length),
            Anchor.LineEnd => position == text.Length || text[position] == '\n',
            _ => IsBoundary(text, position) == (anchor == Anchor.WordBoundary),
        };

        private static bool IsBoundary(ReadOnlySpan<char> text, int position)
        {
            bool before = position > 0 && UnicodeText.IsWord(UnicodeText.Before(text, position, out _));
            return before != (position < text.Length && UnicodeText.IsWord(UnicodeText.At(text, position, out _)));
        }
    }
}
