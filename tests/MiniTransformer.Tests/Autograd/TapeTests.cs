using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Autograd;

public class TapeTests
{
    private static readonly Shape Two = new(2);

    [DeviceTheory, OnEveryDevice]
    public void A_tensor_used_after_its_step_is_an_error_not_stale_memory(string name)
    {
        using Device device = Devices.Open(name);
        Tape tape = Tape.Record(device);
        Tensor x = tape.Variable([1f, 2f], Two), y = x.Square();
        TokenIds ids = tape.Ids([0], new Shape(1));
        tape.Dispose();
        Assert.Throws<ObjectDisposedException>(() => x.ToArray());
        Assert.Throws<ObjectDisposedException>(() => y.Sum());
        Assert.Throws<ObjectDisposedException>(() => y.GradToArray());
        Assert.Throws<ObjectDisposedException>(() => ids.ToArray());
        Assert.Throws<ObjectDisposedException>(() => tape.Constant([1f, 2f], Two));
        Assert.Throws<ObjectDisposedException>(() => tape.Ids([0], new Shape(1)));

        // The next step takes the same tape and the same memory: the old handles stay dead.
        using Tape next = Tape.Record(device);
        next.Constant([3f, 4f], Two);
        Assert.Throws<ObjectDisposedException>(() => x.ToArray());
        Assert.Throws<ObjectDisposedException>(() => x * x);
    }

    [Fact]
    public void Tensors_of_two_steps_are_refused()
    {
        using Device device = Device.Cpu(1);
        using Tape one = Tape.Record(device), two = Tape.Record(device);
        Tensor a = one.Variable([1f, 2f], Two), b = two.Variable([3f, 4f], Two), table = one.Variable(new float[6], new Shape(2, 3));
        TokenIds ids = two.Ids([0, 1], Two);
        Assert.Equal("Add: the operands belong to two different steps.", Assert.Throws<InvalidOperationException>(() => a + b).Message);
        Assert.Equal("Embedding: the operands belong to two different steps.",
            Assert.Throws<InvalidOperationException>(() => table.Embedding(ids)).Message);
        Assert.Equal("Gather: the operands belong to two different steps.",
            Assert.Throws<InvalidOperationException>(() => table.Gather(ids)).Message);
        Assert.Contains("does not depend", Assert.Throws<ArgumentException>(() => one.Backward(b.Sum())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_op_without_a_step_says_how_to_start_one()
    {
        using Device device = Device.Cpu(1);
        using var p = new Parameter(device, "p", Two);
        Assert.Contains("Tape.Record(device)", Assert.Throws<InvalidOperationException>(() => p.Tensor.Square()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_loss_is_one_number_that_depends_on_something_trainable()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable([1f, 2f], Two), c = tape.Constant([1f, 2f], Two);
        Assert.Contains("Sum it first", Assert.Throws<ArgumentException>(() => tape.Backward(x)).Message, StringComparison.Ordinal);
        Assert.Contains("nothing would be learned", Assert.Throws<ArgumentException>(() => tape.Backward(c.Sum())).Message,
            StringComparison.Ordinal);
    }

    [DeviceTheory, OnEveryDevice]
    public void What_is_computed_in_a_pause_is_a_constant(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable([1f, 2f], Two), frozen;
        using (tape.Pause())
        {
            Assert.False(tape.Recording);
            using (tape.Pause()) frozen = x.Square();
            Assert.False(tape.Recording); // pauses nest
        }

        Assert.True(tape.Recording);
        Assert.False(frozen.NeedsGrad);
        tape.Backward((x * frozen).Sum()); // d(x · [x²])/dx = [x²]
        Assert.Equal([1f, 4f], x.GradToArray());
    }

    [Fact]
    public void Without_gradient_nothing_is_recorded()
    {
        using Device device = Device.Cpu(1);
        using var p = new Parameter(device, "p", Two);
        using Tape tape = Tape.NoGrad(device);
        Assert.False((tape.Constant([1f, 2f], Two) * p).NeedsGrad);
        Assert.False(tape.Variable([1f, 2f], Two).NeedsGrad);
    }

    [DeviceTheory, OnEveryDevice]
    public void Gradients_of_a_parameter_add_up_over_steps_until_cleared(string name)
    {
        using Device device = Devices.Open(name);
        using var p = new Parameter(device, "p", Two);
        p.Set([3f, -1f]);
        for (int step = 1; step <= 3; step++)
        {
            using Tape tape = Tape.Record(device);
            tape.Backward((tape.Constant([10f, 100f], Two) * p).Sum());
            Assert.Equal([10f * step, 100f * step], p.GradientToArray());
        }

        p.ZeroGradient();
        Assert.Equal([0f, 0f], p.GradientToArray());
    }

    [DeviceTheory, OnEveryDevice]
    public void Two_backward_passes_of_one_step_add_the_gradients_of_their_losses(string name)
    {
        using Device device = Devices.Open(name);
        using var p = new Parameter(device, "p", Two);
        p.Set([3f, -1f]);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable([2f, 5f], Two), y = (x * p).Square(), loss = y.Sum(), other = y.Scale(10).Sum();

        // d Σ (x p)² / dx = 2 x p²: (36, 10); / dp = 2 p x²: (24, −50)
        tape.Backward(loss);
        Assert.Equal([36f, 10f], x.GradToArray());
        tape.Backward(loss);
        Assert.Equal([72f, 20f], x.GradToArray());
        tape.Backward(other);
        Assert.Equal([12 * 36f, 120f], x.GradToArray());
        Assert.Equal([12 * 24f, 12 * -50f], p.GradientToArray());
    }

    [DeviceTheory, OnEveryDevice]
    public void A_frozen_parameter_gets_no_gradient(string name)
    {
        using Device device = Devices.Open(name);
        using Parameter p = new(device, "p", Two), q = new(device, "q", Two);
        q.Trainable = false;
        using Tape tape = Tape.Record(device);
        tape.Backward((tape.Constant([10f, 100f], Two) * p + q).Sum());
        Assert.Equal([10f, 100f], p.GradientToArray());
        Assert.Equal([0f, 0f], q.GradientToArray());
    }

    [DeviceTheory, OnEveryDevice]
    public void A_number_counts_by_its_shape(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.NoGrad(device);
        Assert.Equal("Constant: shape (2) needs 2 values, not 3.",
            Assert.Throws<ArgumentException>(() => tape.Constant(new float[3], Two)).Message);
        Assert.Equal("Ids: shape (2) needs 2 ids, not 1.", Assert.Throws<ArgumentException>(() => tape.Ids(new int[1], Two)).Message);
        Tensor x = tape.Constant([1f, 2f], Two);
        Assert.Contains("not one element", Assert.Throws<InvalidOperationException>(() => x.Item()).Message, StringComparison.Ordinal);
        TokenRows rows = tape.Sequences([7, 8, 9], [], [5, 6]);
        Assert.Equal([7, 8, 9, 5, 6], rows.Ids.ToArray());
        Assert.Equal([0, 1, 2, 0, 1], rows.Positions.ToArray());
        Assert.Equal((3, 5, 3, 3), (rows.Starts.Count, rows.Starts.Rows, rows.Starts[1], rows.Starts[2]));
    }

    [DeviceTheory, OnEveryDevice]
    public void Sequence_of_ops_gives_the_same_bits_every_time(string name)
    {
        using Device device = Devices.Open(name);
        float[] x = Operand.Normal(96 * 64, seed: 1), w = Operand.Normal(64 * 64, seed: 2);
        float[]? first = null;
        for (int round = 0; round < 3; round++)
        {
            using Tape tape = Tape.Record(device);
            Tensor a = tape.Variable(x, new Shape(96, 64)), b = tape.Variable(w, new Shape(64, 64));
            tape.Backward(a.Linear(b).Silu().LogSumExp().Sum());
            first ??= b.GradToArray();
            Operand.Identical(first, b.GradToArray());
        }
    }
}
