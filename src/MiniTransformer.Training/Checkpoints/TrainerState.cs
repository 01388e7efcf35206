using System.Text.Json;
using MiniTransformer.IO;

namespace MiniTransformer.Training;

/// <summary>Where in the data a run stands: the step within an epoch that comes next, both counted from 0.</summary>
/// <param name="Epoch">Passes over the data that are finished.</param>
/// <param name="Step">Batches of this pass that are done.</param>
public sealed record DataPosition(long Epoch, long Step);

/// <summary>Where in the random numbers a run stands: the next stream of the seed that will be drawn from, at its beginning.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Stream">The next stream: for DPR that of the next update's first response, for SFT the epoch, whose order it
/// decides.</param>
public sealed record RandomPosition(ulong Seed, ulong Stream);

/// <summary>
/// Where a trainer stands, the trainer.json of a checkpoint. Random numbers are counter-based (<see cref="Tensors.Rng"/>): the order of the
/// data and every draw are functions of the seed and the number of the update. So <see cref="Updates"/> and <see cref="Seed"/> are the
/// whole state beside weights and moments; data and random position follow from them and are there to be read by people and checked.
/// </summary>
/// <param name="Phase">"sft" or "dpr".</param>
/// <param name="Updates">Updates done.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Data">The data position.</param>
/// <param name="Random">The random state.</param>
public sealed record TrainerState(string Phase, int Updates, ulong Seed, DataPosition Data, RandomPosition Random)
{
    /// <summary>The file's name in a checkpoint.</summary>
    public const string FileName = "trainer.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NewLine = "\n",
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>The state of SFT after some updates over a number of demonstrations.</summary>
    public static TrainerState Sft(int updates, SftOptions options, int demonstrations)
    {
        DataPosition at = Position(updates, demonstrations, options.BatchSize);
        return new TrainerState("sft", updates, options.Seed, at, new RandomPosition(options.Seed, (ulong)at.Epoch));
    }

    /// <summary>The state of DPR after some updates over a number of prompts.</summary>
    public static TrainerState Dpr(int updates, DprOptions options, int prompts) => new(
        "dpr", updates, options.Seed, Position(updates, prompts, options.PromptsPerUpdate),
        new RandomPosition(options.Seed, (ulong)updates * (ulong)options.PromptsPerUpdate));

    /// <summary>Writes trainer.json into a folder.</summary>
    public void Save(string folder) => AtomicFile.WriteAllText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, Json) + "\n");

    /// <summary>Reads the trainer.json of a folder.</summary>
    /// <exception cref="FileNotFoundException">The folder has none: it is a model, not a checkpoint to resume from.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static TrainerState Load(string folder)
    {
        string file = Path.Combine(folder, FileName);
        if (!File.Exists(file))
            throw new FileNotFoundException($"'{folder}' has no {FileName}: it holds a model, but not the state of a trainer to resume "
                + "from.", file);
        try
        {
            return JsonSerializer.Deserialize<TrainerState>(File.ReadAllBytes(file), Json) ?? throw new JsonException("it holds null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: not the state of a trainer: {e.Message}", e);
        }
    }

    private static DataPosition Position(int updates, int count, int batchSize)
    {
        (long epoch, long step) = Math.DivRem(updates, (count + (long)batchSize - 1) / batchSize);
        return new DataPosition(epoch, step);
    }
}
