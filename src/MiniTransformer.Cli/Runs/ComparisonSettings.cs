using System.Text.Json.Serialization;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>The settings of a comparison.</summary>
internal sealed record ComparisonSettings : RunSettings
{
    /// <summary>--regimes.</summary>
    public string Regimes { get; init; } = "all";

    /// <summary>--data.</summary>
    public string[]? Data { get; init; }

    /// <summary>--verify.</summary>
    public string? Verify { get; init; }

    /// <summary>--judge-timeout.</summary>
    public double JudgeTimeout { get; init; } = 10;

    /// <summary>--eval-data.</summary>
    public string? EvalData { get; init; }

    /// <summary>The hash of --eval-data.</summary>
    [JsonPropertyName("evalDataSha256")]
    public string? EvalDataSha256 { get; init; }

    /// <summary>--base.</summary>
    public string? Base { get; init; }

    /// <summary>--validation.</summary>
    public double Validation { get; init; } = .1;

    /// <summary>--held-out.</summary>
    public double HeldOut { get; init; } = .1;

    /// <summary>--in-order.</summary>
    public bool InOrder { get; init; }

    /// <summary>--seeds.</summary>
    public int? Seeds { get; init; }

    /// <summary>--sweep-seeds.</summary>
    public int? SweepSeeds { get; init; }

    /// <summary>--quick.</summary>
    public bool Quick { get; init; }

    /// <summary>--smoke.</summary>
    public bool Smoke { get; init; }

    /// <summary>The hashes of --data.</summary>
    [JsonPropertyName("dataSha256")]
    public string[]? DataSha256 { get; init; }

    /// <summary>The hash of --base.</summary>
    [JsonPropertyName("baseSha256")]
    public string? BaseSha256 { get; init; }

    /// <summary>The base, as an input.</summary>
    public RunInput? BaseInput => Base is null ? null : new RunInput("the base (--base)", Base, BaseSha256, IsModel: true);

    /// <summary>The data to measure on, as an input.</summary>
    public RunInput? EvalInput =>
        EvalData is null ? null : new RunInput("the data to measure on (--eval-data)", EvalData, EvalDataSha256, IsModel: false);

    /// <summary>What the results of a regime belong to: its name, and a hash of the settings that their numbers depend on.</summary>
    public string Belonging(Regime regime)
    {
        ComparisonSettings counts = new() { Command = Command, Regimes = regime.Name, Smoke = Smoke };
        if (regime.Own is not null)
        {
            // The split is drawn by --seed; the file goes by its content.
            int file = Array.FindIndex(Data!, path => CompareSource.NameOf(path) == regime.Name);
            counts = counts with
            {
                Seed = Seed,
                Verify = Verify,
                Validation = Validation,
                HeldOut = HeldOut,
                InOrder = InOrder,
                DataSha256 = [DataSha256![file]],
                BaseSha256 = BaseSha256,
                EvalDataSha256 = EvalDataSha256,
            };
        }

        return counts.Belonging(regime.Name);
    }
}

/// <summary>The settings of a demo.</summary>
internal sealed record DemoSettings : RunSettings
{
    /// <summary>--regime.</summary>
    public string Regime { get; init; } = "";

    /// <summary>--seeds.</summary>
    public int Seeds { get; init; } = 2;

    /// <summary>--quick.</summary>
    public bool Quick { get; init; }

    /// <summary>--init-std.</summary>
    public double? InitStd { get; init; }

    /// <summary>What its seeds belong to.</summary>
    public string Belonging() =>
        new DemoSettings { Command = Command, Regime = Regime, Quick = Quick, InitStd = InitStd }.Belonging(Regime);
}
