namespace MiniTransformer.Theory;

/// <summary>
/// A finite token MDP. A state is the prompt and the response so far, an action is the next token, a transition appends it.
/// The episode ends after the end token or after H tokens: the states form a tree of prefixes.
/// </summary>
/// <remarks>
/// States are numbered breadth first: 0 is the empty response, a state comes after its parent, and a tree of horizon H begins with
/// the states of the tree of horizon H − 1. All terminal states are one, numbered <see cref="StateCount"/>: a value array has
/// StateCount + 1 entries and V[Terminal] = 0, so V[Next(s, a)] needs no case distinction. With H = 0 the start is terminal.
/// A table of logits, rewards or log-probabilities is double[s][a]; −∞ marks a forbidden token.
/// </remarks>
public sealed class TokenMdp
{
    private const int MaxStates = 1 << 20;

    private readonly int[] next;      // (S, K) state after token a in state s
    private readonly int[] parent;    // (S) state before the last token; −1 for the start
    private readonly int[] lastToken; // (S)
    private readonly int[] depth;     // (S) tokens so far

    /// <summary>The tree of all responses over a vocabulary of K tokens, at most H tokens long.</summary>
    /// <param name="vocabulary">K ≥ 1.</param>
    /// <param name="horizon">H ≥ 0: a response is cut after H tokens.</param>
    /// <param name="endToken">The token that ends a response; null if only the horizon ends it.</param>
    /// <param name="discount">γ in (0, 1].</param>
    /// <exception cref="ArgumentException">A parameter is out of range, or the tree has more than 2²⁰ states.</exception>
    public TokenMdp(int vocabulary, int horizon, int? endToken = null, double discount = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabulary, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(horizon);
        if (endToken < 0 || endToken >= vocabulary)
            throw new ArgumentException($"TokenMdp: end token {endToken} is outside the vocabulary 0..{vocabulary - 1}.");
        if (!(discount > 0 && discount <= 1))
            throw new ArgumentException($"TokenMdp: discount {discount} is outside (0, 1].");
        (Vocabulary, Horizon, EndToken, Discount) = (vocabulary, horizon, endToken, discount);

        List<int> parents = [], tokens = [], depths = [], children = [];
        if (horizon > 0) AddState(-1, -1, 0);
        for (int s = 0; s < parents.Count; s++)
        {
            for (int a = 0; a < vocabulary; a++)
            {
                bool terminal = a == endToken || depths[s] + 1 == horizon;
                children.Add(terminal ? -1 : AddState(s, a, depths[s] + 1));
            }
        }

        (parent, lastToken, depth) = ([.. parents], [.. tokens], [.. depths]);
        next = [.. children.Select(child => child < 0 ? StateCount : child)];

        int AddState(int from, int token, int tokensSoFar)
        {
            if (parents.Count == MaxStates)
                throw new ArgumentException(
                    $"TokenMdp: {vocabulary} tokens and {horizon} steps make more than {MaxStates} states; use a smaller tree.");
            parents.Add(from);
            tokens.Add(token);
            depths.Add(tokensSoFar);
            return parents.Count - 1;
        }
    }

    /// <summary>K, the number of tokens.</summary>
    public int Vocabulary { get; }

    /// <summary>H, the largest number of tokens in a response.</summary>
    public int Horizon { get; }

    /// <summary>The token that ends a response, or null.</summary>
    public int? EndToken { get; }

    /// <summary>γ.</summary>
    public double Discount { get; }

    /// <summary>S, the number of non-terminal states.</summary>
    public int StateCount => parent.Length;

    /// <summary>The number of the terminal state, equal to S.</summary>
    public int Terminal => StateCount;

    /// <summary>The state f(s, a) after token a in state s.</summary>
    public int Next(int state, int token) => next[(state * Vocabulary) + token];

    /// <summary>How many tokens at most are still to come in a state: H minus the tokens so far.</summary>
    public int StepsToGo(int state) => state == Terminal ? 0 : Horizon - depth[state];

    /// <summary>The tokens of the response so far.</summary>
    public int[] Tokens(int state)
    {
        var tokens = new int[depth[state]];
        for (int t = tokens.Length - 1, s = state; t >= 0; t--, s = parent[s]) tokens[t] = lastToken[s];
        return tokens;
    }

    /// <summary>The same tree with another discount.</summary>
    public TokenMdp WithDiscount(double discount) => new(Vocabulary, Horizon, EndToken, discount);

    /// <summary>The table f(s, a) for all non-terminal states and all tokens, (S, K).</summary>
    public double[][] Table(Func<int, int, double> f)
    {
        var table = new double[StateCount][];
        for (int s = 0; s < table.Length; s++)
        {
            table[s] = new double[Vocabulary];
            for (int a = 0; a < Vocabulary; a++) table[s][a] = f(s, a);
        }

        return table;
    }
}
