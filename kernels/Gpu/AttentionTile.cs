using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// What the attention kernels are made of: groups of 256 work items, (16, 16) by (row, column), each with a block of 4×4 of a 64×64
/// product c[row, column] += Σₖ a[k, row] b[k, column]. Both operands lie in shared memory line by line of k, 64 floats (16
/// <see cref="Float4"/>) a line, so that a work item reads two Float4 for 16 multiply-adds.
/// In a, the Float4 of line k are permuted: number n lies in place n ^ (k/4 mod 16). Sixteen work items that write one column each
/// of the transposed scores would otherwise all write to the same memory bank.
/// </summary>
internal static class AttentionTile
{
    /// <summary>Rows and columns of a tile.</summary>
    public const int Size = 64;

    /// <summary>Float4 in a line, and work items along either side.</summary>
    public const int Side = Size / 4;

    /// <summary>Work items of a group.</summary>
    public const int Items = Side * Side;

    /// <summary>Components of a head that lie in shared memory at a time while scores are formed.</summary>
    public const int Depth = 32;

    /// <summary>Float4 in Depth lines.</summary>
    public const int DepthLines = Depth * Side;

    /// <summary>Tiles that n components need.</summary>
    public static int Count(int n) => (n + Size - 1) / Size;

    /// <summary>c += a b over 4·quads lines; c0 to c3 are the rows of this work item's block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(
        ArrayView<Float4> a, ArrayView<Float4> b, int row, int column, int quads, ref Float4 c0, ref Float4 c1, ref Float4 c2,
        ref Float4 c3)
    {
        for (int n = 0; n < quads; n++)
        {
            int ia = n * 4 * Side + (row ^ n), ib = n * 4 * Side + column;
            Outer(a[ia], b[ib], ref c0, ref c1, ref c2, ref c3);
            Outer(a[ia + Side], b[ib + Side], ref c0, ref c1, ref c2, ref c3);
            Outer(a[ia + 2 * Side], b[ib + 2 * Side], ref c0, ref c1, ref c2, ref c3);
            Outer(a[ia + 3 * Side], b[ib + 3 * Side], ref c0, ref c1, ref c2, ref c3);
        }
    }

    /// <summary>
    /// Writes a work item's block, transposed, as columns of an operand a: line 4·column + i holds component i of the rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTransposed(Float4 c0, Float4 c1, Float4 c2, Float4 c3, ArrayView<Float4> a, int row, int column)
    {
        int at = column * 4 * Side + (row ^ column);
        a[at] = Four(c0.X, c1.X, c2.X, c3.X);
        a[at + Side] = Four(c0.Y, c1.Y, c2.Y, c3.Y);
        a[at + 2 * Side] = Four(c0.Z, c1.Z, c2.Z, c3.Z);
        a[at + 3 * Side] = Four(c0.W, c1.W, c2.W, c3.W);
    }

    /// <summary>
    /// lines[d − from, r] = x[start + r·stride + d] for components from ≤ d &lt; from + Depth and 64 rows, 0 where r ≥ rows or d ≥ D.
    /// permute is 15 for an operand a, 0 for b. Neighbouring work items take neighbouring rows, so that their writes meet no bank twice.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadTransposed(
        ArrayView<float> x, long start, int stride, int rows, int from, AttentionShape s, ArrayView<Float4> lines, int permute)
    {
        ArrayView<float> to = lines.Cast<float>();
        int r = Group.IdxX % Size;
        for (int quad = Group.IdxX / Size; quad < Depth / 4; quad += Items / Size)
        {
            Float4 value = Load(x, start + (long)r * stride, from + 4 * quad, r < rows, s);
            int at = quad * 4 * Size + ((r / 4) ^ (quad & permute)) * 4 + r % 4;
            to[at] = value.X;
            to[at + Size] = value.Y;
            to[at + 2 * Size] = value.Z;
            to[at + 3 * Size] = value.W;
        }
    }

    /// <summary>
    /// lines[r, d − from] = x[start + r·stride + d] for 64 components and 64 rows, 0 where r ≥ rows or d ≥ D: an operand b.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<float> x, long start, int stride, int rows, int from, AttentionShape s, ArrayView<Float4> lines)
    {
        for (int i = Group.IdxX; i < Size * Side; i += Items)
        {
            int r = i / Side;
            lines[i] = Load(x, start + (long)r * stride, from + 4 * (i % Side), r < rows, s);
        }
    }

    /// <summary>Components d to d + 3 of the row that starts at start; 0 past D, and everywhere unless the row is there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load(ArrayView<float> x, long start, int d, bool there, AttentionShape s)
    {
        var value = Four(0f, 0f, 0f, 0f);
        if (there && d < s.D)
        {
            if (s.Quads != 0) value = x.Cast<Float4>()[(start + d) / 4];
            else
            {
                value.X = x[start + d];
                if (d + 1 < s.D) value.Y = x[start + d + 1];
                if (d + 2 < s.D) value.Z = x[start + d + 2];
                if (d + 3 < s.D) value.W = x[start + d + 3];
            }
        }

        return value;
    }

    /// <summary>x[at] to x[at + 3], as far as they exist; the others are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 LoadSome(ArrayView<float> x, long at, int exist) => Four(
        exist > 0 ? x[at] : 0f, exist > 1 ? x[at + 1] : 0f, exist > 2 ? x[at + 2] : 0f, exist > 3 ? x[at + 3] : 0f);

    /// <summary>x[start + d …] = value, up to component D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Float4 value, ArrayView<float> x, long start, int d, AttentionShape s)
    {
        if (d >= s.D) return;
        if (s.Quads != 0) x.Cast<Float4>()[(start + d) / 4] = value;
        else
        {
            x[start + d] = value.X;
            if (d + 1 < s.D) x[start + d + 1] = value.Y;
            if (d + 2 < s.D) x[start + d + 2] = value.Z;
            if (d + 3 < s.D) x[start + d + 3] = value.W;
        }
    }

    /// <summary>x[start + d …] += value, up to component D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(Float4 value, ArrayView<float> x, long start, int d, AttentionShape s)
    {
        Float4 before = Load(x, start, d, true, s);
        Store(Four(before.X + value.X, before.Y + value.Y, before.Z + value.Z, before.W + value.W), x, start, d, s);
    }

    /// <summary>The four given numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Four(float x, float y, float z, float w) => new() { X = x, Y = y, Z = z, W = w };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Outer(Float4 a, Float4 b, ref Float4 c0, ref Float4 c1, ref Float4 c2, ref Float4 c3)
    {
        Float4.MultiplyAdd(a.X, b, ref c0);
        Float4.MultiplyAdd(a.Y, b, ref c1);
        Float4.MultiplyAdd(a.Z, b, ref c2);
        Float4.MultiplyAdd(a.W, b, ref c3);
    }
}
