using MiniTransformer.Autograd;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Nn;

internal static class Rows
{
    /// <summary>Sequences of one length.</summary>
    public static TokenRows OfLength(this Tape tape, int[] ids, int length) => tape.Sequences([.. ids.Chunk(length)]);

    /// <summary>Where n sequences of one length begin.</summary>
    public static SequenceStarts StartsOf(this Tape tape, int n, int length) =>
        tape.Starts(Kernels.AttentionRun.Equal(n, length), n * length);
}
