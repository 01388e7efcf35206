namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The innermost product of one instruction set: a tile of C that lives in registers while k runs.
/// The tile is up to <see cref="MaxRows"/> rows high and one or two vectors wide.
/// </summary>
internal unsafe interface IGemmTile
{
    /// <summary>Rows of the highest tile: as many as the registers hold.</summary>
    static abstract int MaxRows { get; }

    /// <summary>Floats in a vector. A panel of B is two vectors wide; the last one may be one vector wide.</summary>
    static abstract int Lanes { get; }

    /// <summary>
    /// S[i,j] = Σₖ a[i·rowStride + k·depthStride] · b[k·ldb + j], one chain of fused multiply-adds from zero, k ascending; then
    /// c[i·ldc + j] = S, or c + S. Here 0 ≤ i &lt; rows ≤ MaxRows, and j runs over two vectors if wide, over one otherwise;
    /// b is widened as it is loaded.
    /// </summary>
    static abstract void Multiply<TElement>(
        int rows, bool wide, float* a, nint rowStride, nint depthStride, byte* b, nint ldb, float* c, nint ldc, int depth, bool accumulate)
        where TElement : struct, IElement;

    /// <summary>target[k·ldt + j] = source[j·lds + k] for a square of Lanes × Lanes; lds in elements of the source.</summary>
    static abstract void Transpose<TElement>(byte* source, nint lds, float* target, nint ldt)
        where TElement : struct, IElement;
}

/// <summary>A number that the JIT compiler knows: a kernel is compiled once for each height, and lines beyond it vanish.</summary>
internal interface IHeight
{
    static abstract int Rows { get; }
}

/// <summary>Whether a tile is two vectors wide, known to the JIT compiler.</summary>
internal interface IWidth
{
    static abstract bool Wide { get; }
}

internal readonly struct OneVector : IWidth { public static bool Wide => false; }
internal readonly struct TwoVectors : IWidth { public static bool Wide => true; }
internal readonly struct H1 : IHeight { public static int Rows => 1; }
internal readonly struct H2 : IHeight { public static int Rows => 2; }
internal readonly struct H3 : IHeight { public static int Rows => 3; }
internal readonly struct H4 : IHeight { public static int Rows => 4; }
internal readonly struct H5 : IHeight { public static int Rows => 5; }
internal readonly struct H6 : IHeight { public static int Rows => 6; }
internal readonly struct H7 : IHeight { public static int Rows => 7; }
internal readonly struct H8 : IHeight { public static int Rows => 8; }
internal readonly struct H9 : IHeight { public static int Rows => 9; }
internal readonly struct H10 : IHeight { public static int Rows => 10; }
internal readonly struct H11 : IHeight { public static int Rows => 11; }
internal readonly struct H12 : IHeight { public static int Rows => 12; }
internal readonly struct H13 : IHeight { public static int Rows => 13; }
internal readonly struct H14 : IHeight { public static int Rows => 14; }
