using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>The settings of a credit report.</summary>
internal sealed record CreditSettings : RunSettings
{
    /// <summary>--policy.</summary>
    public string? Policy { get; init; }

    /// <summary>--run.</summary>
    public string? Run { get; init; }

    /// <summary>--reference.</summary>
    public string? Reference { get; init; }

    /// <summary>--data.</summary>
    public string? Data { get; init; }

    /// <summary>--task.</summary>
    public string? Task { get; init; }

    /// <summary>--count.</summary>
    public int Count { get; init; } = 12;

    /// <summary>--temperature.</summary>
    public double Temperature { get; init; }

    /// <summary>--max-tokens.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>--plant.</summary>
    public bool Plant { get; init; }

    /// <summary>--prompts.</summary>
    public int Prompts { get; init; } = 500;

    /// <summary>How many prompts are needed: those whose responses are shown, and those that get an error.</summary>
    public int Needed => Plant ? Math.Max(Count, Prompts) : Count;

    /// <summary>How the policy answers.</summary>
    /// <param name="longest">Tokens of the longest right response.</param>
    /// <param name="positions">Positions of the smallest context.</param>
    public Nn.SamplingOptions Sampling(int longest, int positions) => new()
    {
        Temperature = (float)Temperature,
        MaxTokens = MaxTokens ?? longest + 1,
        Seed = NamedSeed.Of("evaluation", Seed),
        MaxPositions = positions,
    };
}
