using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MiniTransformer.IO;

namespace MiniTransformer.Data;

/// <summary>
/// Which prompts a model was trained on, its base's included: what it has seen measures no model that comes of it. They are kept as 64-bit
/// hashes of their tokens in a file of the model's folder, trained_prompts.bin: eight bytes each, little-endian, in ascending order. It
/// goes where the model goes, whatever becomes of the run's folder and data.
/// </summary>
public sealed class TrainedPrompts
{
    /// <summary>The file's name.</summary>
    public const string FileName = "trained_prompts.bin";

    private readonly HashSet<ulong> hashes;

    private TrainedPrompts(IEnumerable<ulong> hashes) => this.hashes = [.. hashes];

    /// <summary>Those of a model's folder; none where it does not say.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static TrainedPrompts Of(CompanionFiles files)
    {
        byte[] bytes = files.Find(FileName) ?? [];
        if (bytes.Length % sizeof(ulong) != 0)
            throw new InvalidDataException($"{FileName} has {bytes.Length} bytes, which are no whole number of 64-bit hashes; remove it, "
                + "or take the model from where it came.");
        return new TrainedPrompts(Enumerable.Range(0, bytes.Length / sizeof(ulong))
            .Select(i => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)))));
    }

    /// <summary>These and further ones.</summary>
    public TrainedPrompts With(IEnumerable<int[]> prompts) => new(hashes.Concat(prompts.Select(Hash)));

    /// <summary>Whether a prompt is among them.</summary>
    public bool Contains(int[] prompt) => hashes.Count > 0 && hashes.Contains(Hash(prompt));

    /// <summary>How many of some prompts are among them.</summary>
    public int CountOf(IEnumerable<int[]> prompts) => prompts.Count(Contains);

    /// <summary>The files of a model that was trained on them.</summary>
    public CompanionFiles AddTo(CompanionFiles files)
    {
        byte[] bytes = new byte[hashes.Count * sizeof(ulong)];
        int at = 0;
        foreach (ulong hash in hashes.Order()) BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(sizeof(ulong) * at++), hash);
        return files.With(FileName, bytes);
    }

    // The first eight bytes of SHA-256 over the ids: of a million prompts two coincide by chance once in 40 million models.
    private static ulong Hash(int[] prompt)
    {
        int[] ids = BitConverter.IsLittleEndian ? prompt : Array.ConvertAll(prompt, BinaryPrimitives.ReverseEndianness);
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(MemoryMarshal.AsBytes<int>(ids)));
    }
}
