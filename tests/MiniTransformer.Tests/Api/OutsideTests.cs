using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Ops;
using Outside;

namespace MiniTransformer.Tests.Api;

/// <summary>
/// What the project MiniTransformer.Outside writes on the public API alone does what the library's own ops, modules and trainers do.
/// </summary>
public class OutsideTests
{
    private const int Rows = 40, In = 3;

    [DeviceTheory, OnEveryDevice]
    public void An_own_op_from_verbs_and_a_struct_passes_the_gradient_check_on_every_device(string name)
    {
        using Device device = Devices.Open(name);
        GradientInput x = OpCheck.Normal(new Shape(4, 5), seed: 1, scale: 2);
        GradientCheck.Check(device, (_, t) => t[0].SoftCap(1.5f).Square().Sum(), x);
        OpCheck.Agrees(name, (_, t) => t[0].SoftCap(1.5f), t => [.. t[0].Select(v => 1.5 * Math.Tanh(v / 1.5))], 2 * OpCheck.Few, x);
        OpCheck.Agrees(name, (_, t) => SoftCapOps.Composed(t[0], 1.5f), t =>
            [.. t[0].Select(v => 1.5 * Math.Tanh(v / 1.5))], 2 * OpCheck.Few, x);
    }

    [DeviceTheory, OnEveryDevice]
    public void An_own_op_with_own_kernels_agrees_with_its_definition_on_every_device(string name)
    {
        using Device device = Devices.Open(name);
        GradientInput r = OpCheck.Normal(new Shape(3, 6), seed: 1);
        GradientCheck.Check(device, (_, t) => t[0].ReturnsToGo(0.9f).Square().Sum(), r);
        OpCheck.Agrees(
            name, (_, t) => t[0].ReturnsToGo(0.9f), t =>
                [.. t[0].Chunk(6).SelectMany(row => row.Select((_, i) => row.Skip(i).Select((v, k) => Math.Pow(0.9f, k) * v).Sum()))],
            2 * OpCheck.Few, r);
    }

    [DeviceTheory, OnEveryDevice]
    public void An_own_module_is_trained_by_an_own_trainer_saved_and_loaded(string name)
    {
        using Device device = Devices.Open(name);
        using var folder = new TemporaryFolder();
        float[] x = Operand.Normal(Rows * In, seed: 1), y = [.. x.Chunk(In).Select(v => v[0] - 0.5f * v[1] * v[2])];
        var network = new CappedNetwork(ParameterSource.Random(device, seed: 2), In, 12, 1);
        Assert.Equal(["up.weight", "up.bias", "norm.weight", "norm.bias", "down.weight", "scale"], network.Parameters.Select(p => p.Name));

        float[] losses = [.. Regression.Train(network, x, y, Rows, steps: 60, learningRate: 0.03)];
        Assert.True(losses[^1] < 0.3 * losses[0], $"loss {losses[0]} → {losses[^1]}");

        string path = Path.Combine(folder.Path, "network.safetensors");
        network.Save(path);
        Operand.Identical(Predict(device, network, x), Predict(device, CappedNetwork.Load(path, device, In, 12, 1), x));
    }

    [Fact]
    public void What_an_op_author_does_wrong_is_an_error_that_says_so()
    {
        using Device device = Device.Cpu(1);
        Tensor old;
        using (Tape earlier = Tape.Record(device)) old = earlier.Variable([1, 2], new Shape(2));
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable([1, 2], new Shape(2));
        Assert.Throws<ObjectDisposedException>(() => old.Storage);
        Assert.StartsWith("View: ", Assert.Throws<InvalidOperationException>(() => { x.Storage.View(); }).Message,
            StringComparison.Ordinal);
        using var w = new Parameter(device, "w", new Shape(2));
        Assert.Contains("make it with tape.New(...)", Assert.Throws<ArgumentException>(() => tape.Record(new Wrong(w))).Message,
            StringComparison.Ordinal);
        Assert.False(tape.New(new Shape(2)).NeedsGrad);
        Assert.True(tape.New(new Shape(2), x).NeedsGrad);
        using (tape.Pause()) Assert.False(tape.New(new Shape(2), x).NeedsGrad);
    }

    [Fact]
    public void A_dry_run_of_an_own_kernel_computes_nothing()
    {
        using var device = Device.DryRun();
        using Tape tape = Tape.Record(device);
        tape.Backward(tape.Variable(new float[6], new Shape(2, 3)).ReturnsToGo(0.5f).SoftCap(1).Sum());
        Assert.True(tape.PeakElements > 0);
    }

    private static float[] Predict(Device device, CappedNetwork network, float[] x)
    {
        using Tape tape = Tape.NoGrad(device);
        return network.Forward(tape.Constant(x, new Shape(Rows, In))).ToArray();
    }

    private readonly struct Wrong(Parameter w) : IBackward
    {
        public Tensor Output => w;

        public void Run(IBackend backend)
        {
        }
    }
}
