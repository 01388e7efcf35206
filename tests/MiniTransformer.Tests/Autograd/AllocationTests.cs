using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Backends.Gpu;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Nn;

namespace MiniTransformer.Tests.Autograd;

/// <summary>Counts what is shared by all devices of one machine: no other test may run meanwhile.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public class AllocationTests
{
    [DeviceTheory, OnEveryDevice]
    public void Once_warm_a_training_step_allocates_nothing_on_the_managed_heap(string name)
    {
        using var training = new Training(name);
        for (int i = 0; i < 5; i++) training.Step();
        if (Devices.IsCpu(name)) Assert.Equal(0, Allocated());
        // ILGPU's handles of a step's few copies; at times its list of handles grows
        else Assert.InRange(Enumerable.Range(0, 3).Min(_ => Allocated()), 0, 1024);

        long Allocated()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++) training.Step();
            return (GC.GetAllocatedBytesForCurrentThread() - before) / 10;
        }
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Once_warm_a_training_step_takes_no_device_memory_compiles_nothing_and_waits_twice(string name)
    {
        using var training = new Training(name);
        for (int i = 0; i < 2; i++) training.Step();
        GpuMachine machine = training.Machine;
        (int compiled, int allocations, long waits) = (machine.Compiled, machine.Allocations, machine.Waits);
        for (int i = 0; i < 5; i++) training.Step();
        Assert.Equal((compiled, allocations), (machine.Compiled, machine.Allocations));
        Assert.Equal(waits + 5 * 2, machine.Waits); // for the gradient's norm, and for the loss
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Memory_that_is_freed_serves_the_next_request_of_its_size(string name)
    {
        using Device device = Device.Open(name);
        GpuMachine machine = ((GpuBackend)device.Backend).Machine;
        device.Free(device.Allocate(777_000));
        int allocations = machine.Allocations;
        for (int length = 777_000; length > 500_000; length -= 50_000) device.Free(device.Allocate(length));
        Assert.Equal(allocations, machine.Allocations);
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
        private readonly int[] starts = [0, 9, 12, 12, B * T];
        private readonly int[] rows = [3, 4, 5, 12, 13, 30];
        private readonly int[] targets = [1, 2, 3, 4, 5, 6];

        public Training(string name)
        {
            device = Devices.Open(name);
            model = Models.Random(device, Models.Odd, seed: 1);
            optimizer = new AdamW(model.Parameters);
        }

        public GpuMachine Machine => ((GpuBackend)device.Backend).Machine;

        public (long Capacity, long Peak) Arena { get; private set; }

        public void Step()
        {
            using Tape tape = Tape.Record(device);
            Tensor logits = model.Logits(tape.Rows(inputs, starts), tape.Ids(rows, new Shape(rows.Length)));
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
