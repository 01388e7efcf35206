namespace MiniTransformer.Text.Bpe;

/// <summary>One step of a compiled pattern. What A and B mean depends on the operation: addresses of steps, or counts.</summary>
internal readonly record struct PatternStep(PatternOperation Operation, int A = 0, int B = 0, CharacterSet? Set = null,
    Greed Greed = Greed.Greedy);

/// <summary>What a step does.</summary>
internal enum PatternOperation
{
    /// <summary>Takes one code point of the set.</summary>
    Take,

    /// <summary>Takes from A to B (−1: any number of) code points of the set.</summary>
    TakeMany,

    /// <summary>Goes on at A and, should that fail, at B.</summary>
    Try,

    /// <summary>Goes on at A.</summary>
    Jump,

    /// <summary>Goes on at A if the steps that follow match here.</summary>
    Ahead,

    /// <summary>Goes on at A if the steps that follow do not match here.</summary>
    NotAhead,

    /// <summary>Goes on at A if the steps that follow match B code points before.</summary>
    Behind,

    /// <summary>Goes on at A if the steps that follow do not match B code points before.</summary>
    NotBehind,

    /// <summary>Matches the steps that follow in their first way, and goes on at A after it.</summary>
    Atomic,

    /// <summary>Asks for the place A, an <see cref="Anchor"/>.</summary>
    Place,

    /// <summary>The pattern, or an inner one, has matched.</summary>
    Accept,
}

/// <summary>Turns the tree of a pattern into steps.</summary>
internal sealed class PatternProgram
{
    private const int MostSteps = 20_000;

    private readonly string pattern;
    private readonly List<PatternStep> steps = [];

    private PatternProgram(string pattern) => this.pattern = pattern;

    /// <summary>The steps of a pattern.</summary>
    public static PatternStep[] Compile(string pattern)
    {
        var program = new PatternProgram(pattern);
        program.Write(PatternReader.Read(pattern));
        program.Add(new PatternStep(PatternOperation.Accept));
        return [.. program.steps];
    }

    private int Add(PatternStep step)
    {
        if (steps.Count >= MostSteps)
        {
            throw new NotSupportedException($"the regular expression '{pattern}' takes more than {MostSteps} steps, which is too large.");
        }
        steps.Add(step);
        return steps.Count - 1;
    }

    private void Write(PatternNode node)
    {
        switch (node)
        {
            case PatternNode.Set set: Add(new PatternStep(PatternOperation.Take, Set: set.Characters)); break;
            case PatternNode.Place place: Add(new PatternStep(PatternOperation.Place, (int)place.Anchor)); break;
            case PatternNode.Sequence sequence: Array.ForEach(sequence.Parts, Write); break;
            case PatternNode.Choice choice: WriteChoice(choice.Options); break;
            case PatternNode.Atomic atomic: WriteInner(PatternOperation.Atomic, 0, atomic.Body); break;
            case PatternNode.Look look: WriteLook(look); break;
            case PatternNode.Repeat repeat: WriteRepeat(repeat); break;
        }
    }

    private void WriteChoice(PatternNode[] options)
    {
        List<int> jumps = [];
        for (int i = 0; i < options.Length; i++)
        {
            if (i == options.Length - 1)
            {
                Write(options[i]);
                break;
            }

            int attempt = Add(default);
            Write(options[i]);
            jumps.Add(Add(default));
            steps[attempt] = new PatternStep(PatternOperation.Try, attempt + 1, steps.Count);
        }

        foreach (int jump in jumps) steps[jump] = new PatternStep(PatternOperation.Jump, steps.Count);
    }

    private void WriteInner(PatternOperation operation, int b, PatternNode body)
    {
        int inner = Add(default);
        Write(body);
        Add(new PatternStep(PatternOperation.Accept));
        steps[inner] = new PatternStep(operation, steps.Count, b);
    }

    private void WriteLook(PatternNode.Look look) => WriteInner(
        (look.Behind, look.Negative) switch
        {
            (false, false) => PatternOperation.Ahead,
            (false, true) => PatternOperation.NotAhead,
            (true, false) => PatternOperation.Behind,
            (true, true) => PatternOperation.NotBehind,
        },
        look.Body.Length.Least,
        look.Body);

    private void WriteRepeat(PatternNode.Repeat repeat)
    {
        if (repeat.Body is PatternNode.Set set && repeat.Greed != Greed.Lazy)
        {
            Add(new PatternStep(PatternOperation.TakeMany, repeat.Least, repeat.Most, set.Characters, repeat.Greed));
            return;
        }

        if (repeat.Greed == Greed.Possessive)
        {
            WriteInner(PatternOperation.Atomic, 0, repeat with { Greed = Greed.Greedy });
            return;
        }

        for (int i = 0; i < repeat.Least; i++) Write(repeat.Body);
        if (repeat.Most < 0)
        {
            int attempt = Add(default);
            Write(repeat.Body);
            Add(new PatternStep(PatternOperation.Jump, attempt));
            steps[attempt] = Attempt(attempt + 1, steps.Count);
            return;
        }

        // x{0,3} is (x(x(x)?)?)?: whichever time is not tried ends them all.
        List<int> attempts = [];
        for (int i = repeat.Least; i < repeat.Most; i++)
        {
            attempts.Add(Add(default));
            Write(repeat.Body);
        }

        foreach (int attempt in attempts) steps[attempt] = Attempt(attempt + 1, steps.Count);

        PatternStep Attempt(int body, int after) => repeat.Greed == Greed.Lazy
            ? new PatternStep(PatternOperation.Try, after, body)
            : new PatternStep(PatternOperation.Try, body, after);
    }
}
