using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Nn;

namespace MiniTransformer.Tests.Autograd;

public class AllocationTests
{
    [DeviceTheory, OnEveryDevice]
    public void Once_warm_a_training_step_allocates_nothing_on_the_managed_heap(string name)
    {
        using var training = new Training(name);
        for (int i = 0; i < 5; i++) training.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++) training.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [DeviceTheory, OnEveryDevice]
    public void From_the_second_step_on_the_arena_does_not_grow(string name)
    {
        using var training = new Training(name);
        training.Step();
        (long capacity, long peak) = training.Arena;
        for (int i = 0; i < 5; i++) training.Step();
        Assert.Equal((capacity, peak), training.Arena);
    }

    private sealed class Training : IDisposable
    {
        private const int B = 4, T = 9;
        private readonly Device device;
        private readonly Transformer model;
        private readonly AdamW optimizer;
        private readonly int[] inputs = Kernels.Operand.Ids(B * T, Models.Odd.VocabSize, seed: 1);
        private readonly int[] rows = [3, 4, 5, 12, 13, 30];
        private readonly int[] targets = [1, 2, 3, 4, 5, 6];

        public Training(string name)
        {
            device = Devices.Open(name);
            model = Models.Random(device, Models.Odd, seed: 1);
            optimizer = new AdamW(model.Parameters);
        }

        public (long Capacity, long Peak) Arena { get; private set; }

        public void Step()
        {
            using Tape tape = Tape.Record(device);
            Tensor logits = model.Logits(tape.Ids(inputs, new Shape(B, T)), tape.Ids(rows, new Shape(rows.Length)));
            Tensor loss = logits.GatherLogSoftmax(tape.Ids(targets, new Shape(rows.Length))).Sum().Scale(-1f / rows.Length);
            tape.Backward(loss);
            optimizer.Step(1e-3);
            Assert.True(float.IsFinite(loss.Item()));
            Arena = (tape.Arena.Capacity, tape.Arena.Peak);
        }

        public void Dispose()
        {
            optimizer.Dispose();
            model.Dispose();
            device.Dispose();
        }
    }
}
