using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Tests.Kernels;

/// <summary>What a kernel computes depends neither on how its items are split among threads nor on the other rows.</summary>
public unsafe class InvarianceTests
{
    private const int Rows = 13, C = 148, H = 4, Hkv = 2, D = 37; // C = H D, no multiple of a vector

    /// <summary>Kernels that leave results in y and z, given x, w, dy (Rows, C), ids below C, and positions.</summary>
    private static readonly Dictionary<string, Action<Workers, Operands>> Kernels = new()
    {
        ["Map"] = (w, o) => w.Run(new Map<Silu>(o.X, o.Y, Rows * C), Rows * C),
        ["MapBackward"] = (w, o) => w.Run(new MapBackward<Silu>(o.X, o.W, o.Dy, o.Y), Rows * C),
        ["Zip"] = (w, o) => w.Run(new Zip<SiluMultiply>(o.X, o.W, o.Y), Rows * C),
        ["ZipBackward"] = (w, o) => w.Run(new ZipBackward<SiluMultiply>(o.X, o.W, o.Dy, o.Y, o.Z), Rows * C),
        ["Scale"] = (w, o) => w.Run(new Scale(o.X, 0.3f, o.Y), Rows * C),
        ["AddScaled"] = (w, o) => w.Run(new AddScaled(o.X, 0.3f, o.Y), Rows * C),
        ["AdamW"] = (w, o) => w.Run(new AdamW(o.Y, o.Dy, o.X, o.Squares, 0.1f, 0.9f, 0.95f, 1e-8f, 0.1f, 1f, 0.1f, 0.05f), Rows * C),
        ["EmbeddingForward"] = (w, o) => w.Run(new EmbeddingForward(o.X, o.Positions, o.Y, C), Rows),
        ["EmbeddingBackward"] = (w, o) => w.Run(new EmbeddingBackward(o.Positions, Rows, o.Dy, o.Y, C), 3),
        ["RmsNormForward"] = (w, o) => w.Run(new RmsNormForward(o.X, o.W, o.Y, o.Z, C, 1e-5f), Rows),
        ["RmsNormBackwardInput"] = (w, o) => w.Run(new RmsNormBackwardInput(o.X, o.W, o.Squares, o.Dy, o.Y, C), Rows),
        ["RmsNormBackwardWeight"] = (w, o) => w.Run(new RmsNormBackwardWeight(o.X, o.Squares, o.Dy, o.Y, Rows, C), 3),
        ["AddColumn"] = (w, o) => w.Run(new AddColumn(o.X, o.W, o.Y, C), Rows),
        ["SumColumns"] = (w, o) => w.Run(new SumColumns(o.X, o.Y, C), Rows),
        ["SoftmaxForward"] = (w, o) => w.Run(new SoftmaxForward(o.X, o.Y, C), Rows),
        ["SoftmaxBackward"] = (w, o) => w.Run(new SoftmaxBackward(o.X, o.Dy, o.Y, C), Rows),
        ["GemmBatch"] = (w, o) => w.Run(new GemmBatch(GemmForm.NT, o.X, o.W, o.Y, 4, 3, D, true), Rows),
        ["Rope"] = (w, o) => w.Run(new Rope(o.X, o.Positions, o.W, o.Dy, o.Y, H, D - 1, 1f, true), Rows),
        ["GatherLogSoftmaxForward"] = (w, o) => w.Run(new GatherLogSoftmaxForward(o.X, o.Ids, o.Y, o.Z, C), Rows),
        ["GatherLogSoftmaxBackward"] = (w, o) => w.Run(new GatherLogSoftmaxBackward(o.X, o.Squares, o.Ids, o.Dy, o.Y, C), Rows),
        ["LogSumExpForward"] = (w, o) => w.Run(new LogSumExpForward(o.X, o.Y, C), Rows),
        ["LogSumExpBackward"] = (w, o) => w.Run(new LogSumExpBackward(o.X, o.Squares, o.Dy, o.Y, C), Rows),
        ["GatherForward"] = (w, o) => w.Run(new GatherForward(o.X, o.Ids, o.Y, C), Rows),
        ["GatherBackward"] = (w, o) => w.Run(new GatherBackward(o.Ids, o.Dy, o.Y, C), Rows),
        ["KlDivergenceForward"] = (w, o) => w.Run(new KlDivergenceForward(o.X, o.W, o.Y, o.Z, o.Dy, C), Rows),
        ["KlDivergenceBackward"] = (w, o) => w.Run(new KlDivergenceBackward(o.X, o.Squares, o.W, o.Squares, o.Z, o.Dy, o.Y, C), Rows),
        ["EntropyForward"] = (w, o) => w.Run(new EntropyForward(o.X, o.Y, o.Z, C), Rows),
        ["EntropyBackward"] = (w, o) => w.Run(new EntropyBackward(o.X, o.Squares, o.Z, o.Dy, o.Y, C), Rows),
        ["Sample"] = (w, o) => w.Run(new Sample(o.X, o.Uniforms, o.Ids, o.Y, C, 0.8f, 20, 0.9f), Rows),
        ["SampleAny"] = (w, o) => w.Run(new Sample(o.X, o.Uniforms, o.Ids, o.Y, C, 0.8f, 0, 1f), Rows),
        ["AttentionForward"] = (w, o) =>
            w.Run(new AttentionForward(o.X, o.W, o.Dy, o.Y, o.Z, o.Starts, o.Pieces, 7, Rows, H, Hkv, D, 0.2f), 2 * Hkv),
        ["AttentionBackward"] = (w, o) =>
            w.Run(new AttentionBackward(o.X, o.W, o.Dy, o.Squares, o.Uniforms, o.Dy, o.Y, o.Z, o.U, o.Starts, o.Pieces, 7, Rows, H, Hkv, D,
                0.2f), 2 * Hkv),
        ["CacheAppend"] = (w, o) => w.Run(new CacheAppend(o.X, o.W, o.Slots, o.Positions, o.Y, o.Z, 1, 9, 16), Rows),
        ["AttentionDecode"] = (w, o) => w.Run(new AttentionDecode(o.X, o.W, o.Dy, o.Slots, o.Positions, o.Y, 2, 1, 9, 16, 0.3f), Rows * 2),
    };

    public static TheoryData<string> Names => [.. Kernels.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Three_threads_compute_the_same_bits_as_one(string kernel)
    {
        using var one = new Workers(1);
        using var three = new Workers(3);
        using Operands a = new(), b = new();
        Kernels[kernel](one, a);
        Kernels[kernel](three, b); // one item at a time
        a.MustEqual(b);
        using var untouched = new Operands();
        Assert.False(untouched.Y.Span.SequenceEqual(a.Y.Span), "the kernel wrote nothing");
    }

    private sealed class Operands : IDisposable
    {
        public Buffer<float> X { get; } = new(Operand.Normal(Rows * C, seed: 1));

        public Buffer<float> W { get; } = new(Operand.Normal(Rows * C, seed: 2));

        public Buffer<float> Dy { get; } = new(Operand.Normal(Rows * C, seed: 3));

        public Buffer<float> Y { get; } = new(Operand.Normal(Rows * C, seed: 4));

        public Buffer<float> Z { get; } = new(Operand.Normal(Rows * C, seed: 5));

        public Buffer<float> U { get; } = new(Operand.Normal(Rows * C, seed: 6));

        /// <summary>Positive numbers, where variances, log-sums or norms are asked for.</summary>
        public Buffer<float> Squares { get; } = new([.. Operand.Normal(Rows * C, seed: 7).Select(x => x * x + 3f)]);

        public Buffer<float> Uniforms { get; } = new([.. Operand.Ids(Rows * H, 1000, seed: 8).Select(x => x / 1000f)]);

        public Buffer<int> Ids { get; } = new(Operand.Ids(Rows, C, seed: 9));

        public Buffer<int> Positions { get; } = new([.. Enumerable.Range(0, Rows).Select(i => 5 * i % Rows)]);

        public Buffer<int> Slots { get; } = new([.. Enumerable.Range(0, Rows).Select(i => i * 7 % Rows)]);

        public Buffer<int> Starts { get; } = new(0, 6, Rows);

        public Buffer<AttentionPiece> Pieces
        {
            get;
        } = new(new AttentionPiece(0, 1, 0, 6, AttentionPart.Whole), new AttentionPiece(1, 2, 0, 7, AttentionPart.Whole));

        public void MustEqual(Operands other)
        {
            foreach ((Buffer<float> mine, Buffer<float> theirs) in new[] { (Y, other.Y), (Z, other.Z), (U, other.U), (X, other.X),
                (Dy, other.Dy) })
            {
                Operand.Identical(mine.Span, theirs.Span);
            }

            Assert.Equal(Ids.ToArray(), other.Ids.ToArray());
        }

        public void Dispose()
        {
            foreach (Buffer<float> b in new[] { X, W, Dy, Y, Z, U, Squares, Uniforms }) b.Dispose();
            foreach (Buffer<int> b in new[] { Ids, Positions, Slots, Starts }) b.Dispose();
            Pieces.Dispose();
        }
    }
}
