namespace MiniTransformer.Tensors;

/// <summary>
/// Counter-based random numbers: Philox 4×32-10 (J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
/// The number at (seed, stream, position) is a pure function of the three, so a draw does not depend on who drew before,
/// on the batch, or on the number of threads; and the whole state to save is the position.
/// </summary>
public sealed class Rng
{
    private readonly ulong seed;
    private readonly ulong stream;

    /// <summary>The generator for one stream of a seed, starting at a position.</summary>
    public Rng(ulong seed, ulong stream = 0, ulong position = 0) => (this.seed, this.stream, Position) = (seed, stream, position);

    /// <summary>Draws made so far; <c>new Rng(seed, stream, position)</c> continues from there.</summary>
    public ulong Position { get; private set; }

    /// <summary>The 32 random bits at (seed, stream, position).</summary>
    public static uint BitsAt(ulong seed, ulong stream, ulong position)
    {
        uint c0 = (uint)position, c1 = (uint)(position >> 32), c2 = (uint)stream, c3 = (uint)(stream >> 32);
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c0, p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return c0;
    }

    /// <summary>The uniform number in [0, 1) at (seed, stream, position), a multiple of 2⁻²⁴.</summary>
    public static float UniformAt(ulong seed, ulong stream, ulong position) => (BitsAt(seed, stream, position) >> 8) * (1f / (1 << 24));

    /// <summary>The next uniform number in [0, 1).</summary>
    public float NextUniform() => UniformAt(seed, stream, Position++);

    /// <summary>The next uniform number in [0, 1) with 53 bits.</summary>
    public double NextDouble()
    {
        ulong high = BitsAt(seed, stream, Position++), low = BitsAt(seed, stream, Position++);
        return (((high << 32) | low) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>The next integer, uniform in [0, bound).</summary>
    /// <exception cref="ArgumentOutOfRangeException">bound is less than 1.</exception>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);

        // Multiply-shift with rejection (D. Lemire, 2019): exactly uniform.
        ulong product = (ulong)BitsAt(seed, stream, Position++) * (uint)bound;
        uint threshold = unchecked((uint)-bound) % (uint)bound;
        while ((uint)product < threshold) product = (ulong)BitsAt(seed, stream, Position++) * (uint)bound;
        return (int)(product >> 32);
    }

    /// <summary>The next standard normal number (Box–Muller; the second of the pair is dropped).</summary>
    public double NextNormal()
    {
        double u = 1.0 - NextDouble(), v = NextDouble();
        return Math.Sqrt(-2.0 * Math.Log(u)) * Math.Cos(2.0 * Math.PI * v);
    }

    /// <summary>Permutes the items in place, every order equally likely (Fisher–Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
