namespace MiniTransformer.Theory;

/// <summary>A complete response: in state States[t] the token Tokens[t] was chosen, t &lt; T; afterwards the state is terminal.</summary>
/// <param name="States">s_0 … s_{T−1}.</param>
/// <param name="Tokens">a_0 … a_{T−1}.</param>
public sealed record Response(int[] States, int[] Tokens)
{
    /// <summary>T.</summary>
    public int Length => Tokens.Length;

    /// <summary>The rows of a table that the response passes: (T, K).</summary>
    public double[][] Rows(double[][] table) => [.. States.Select(s => table[s])];

    /// <summary>The entries of a table that the response collects: table[s_t][a_t], (T).</summary>
    public double[] Entries(double[][] table) => [.. States.Zip(Tokens, (s, a) => table[s][a])];
}

/// <summary>Expectations as finite sums over all responses: the slow definition to which every clever formula must be equal.</summary>
public static class ResponseEnumeration
{
    /// <summary>Every complete response, once; with H = 0 the empty one.</summary>
    public static IEnumerable<Response> All(TokenMdp mdp)
    {
        if (mdp.Horizon == 0) yield return new Response([], []);
        for (int s = 0; s < mdp.StateCount; s++)
        {
            int[] prefix = mdp.Tokens(s);
            for (int a = 0; a < mdp.Vocabulary; a++)
                if (mdp.Next(s, a) == mdp.Terminal) yield return Follow(mdp, [.. prefix, a]);
        }
    }

    /// <summary>The response with the given tokens.</summary>
    /// <exception cref="ArgumentException">The tokens go on after the end, or stop before it.</exception>
    public static Response Follow(TokenMdp mdp, params int[] tokens)
    {
        var states = new int[tokens.Length];
        int state = 0;
        for (int t = 0; t < tokens.Length; t++)
        {
            if (state == mdp.Terminal)
                throw new ArgumentException($"Follow: the response [{string.Join(", ", tokens)}] goes on after its end at {t} tokens.");
            states[t] = state;
            state = mdp.Next(state, tokens[t]);
        }

        return state == mdp.Terminal
            ? new Response(states, tokens)
            : throw new ArgumentException(
                $"Follow: the response [{string.Join(", ", tokens)}] stops before the end token or {mdp.Horizon} tokens.");
    }

    /// <summary>log π(y|x) = Σ_t log π(a_t|s_t).</summary>
    public static double LogProbability(double[][] logPolicy, Response y) => y.Entries(logPolicy).Sum();

    /// <summary>E_{y~π} f(y) = Σ_y π(y|x) f(y). Responses of probability 0 are not evaluated.</summary>
    public static double Expectation(TokenMdp mdp, double[][] logPolicy, Func<Response, double> f)
    {
        double sum = 0;
        foreach (Response y in All(mdp))
        {
            double probability = Math.Exp(LogProbability(logPolicy, y));
            if (probability > 0) sum += probability * f(y);
        }

        return sum;
    }

    /// <summary>Σ_t γᵗ r(s_t, a_t), the discounted return of a response.</summary>
    public static double Return(double[][] reward, Response y, double discount)
    {
        double sum = 0, weight = 1;
        foreach (double r in y.Entries(reward))
        {
            sum += weight * r;
            weight *= discount;
        }

        return sum;
    }

    /// <summary>KL(p‖q) = Σ_y p(y|x) (log p(y|x) − log q(y|x)), over whole responses, in nats.</summary>
    public static double Kl(TokenMdp mdp, double[][] logP, double[][] logQ) =>
        Expectation(mdp, logP, y => LogProbability(logP, y) - LogProbability(logQ, y));
}
