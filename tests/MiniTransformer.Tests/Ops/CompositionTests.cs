using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;

namespace MiniTransformer.Tests.Ops;

/// <summary>
/// A fused op and its composition from primitive ops are two programs for one function: values and gradients agree on every device.
/// </summary>
public class CompositionTests
{
    private const int T = 9, C = 21;

    private static readonly int[] Ids = [3, 0, 20, 7, 7, 1, 19, 4, 2], Positions = [5, 0, 11, 3, 3, 8, 1, 2, 9];

    private static readonly Shape Rows = new(T, C), Row = new(C), Heads = new(T, 4, 6), KeyHeads = new(T, 2, 6);

    private sealed record Pair(Func<Tape, Tensor[], Tensor> Fused, Func<Tape, Tensor[], Tensor> Composed, params Shape[] Shapes);

    private static readonly Dictionary<string, Pair> Pairs = new()
    {
        ["Attention"] = Attend(Heads, KeyHeads, null, 0),
        ["Attention, one head"] = Attend(new Shape(T, 1, 6), new Shape(T, 1, 6), null, 0),
        ["Attention, window and scale"] = Attend(Heads, KeyHeads, 0.3f, 3),
        ["RmsNorm"] = new((_, x) => x[0].RmsNorm(x[1], 1e-3f), (_, x) => Compositions.RmsNorm(x[0], x[1], 1e-3f), Rows, Row),
        ["RmsNormOnePlus"] = new((_, x) => x[0].RmsNormOnePlus(x[1], 1e-3f), (_, x) =>
            Compositions.RmsNorm(x[0], 1 + x[1], 1e-3f), Rows, Row),
        ["LayerNorm"] = new(
            (_, x) => x[0].Centre().RmsNorm(x[1], 1e-3f).AddRow(x[2]), (_, x) =>
                Compositions.LayerNorm(x[0], x[1], x[2], 1e-3f), Rows, Row, Row),
        ["Centre"] = new((_, x) => x[0].Centre(), (_, x) => x[0].AddColumn(-x[0].MeanColumns()), Rows),
        ["Silu"] = new((_, x) => x[0].Silu(), (_, x) => Compositions.Silu(x[0]), Rows),
        ["Gelu"] = new((_, x) => x[0].Gelu(), (_, x) => Compositions.Gelu(x[0]), Rows),
        ["SwiGlu"] = new((_, x) => x[0].SiluMultiply(x[1]), (_, x) => Compositions.SwiGlu(x[0], x[1]), Rows, Rows),
        ["GeGlu"] = new((_, x) => x[0].GeluMultiply(x[1]), (_, x) => Compositions.GeGlu(x[0], x[1]), Rows, Rows),
        ["LogSumExp"] = new((_, x) => x[0].LogSumExp(), (_, x) => Compositions.LogSumExp(x[0]), Rows),
        ["GatherLogSoftmax"] = new((t, x) => x[0].GatherLogSoftmax(In(t, Ids)), (t, x) =>
            Compositions.GatherLogSoftmax(x[0], In(t, Ids)), Rows),
        ["CrossEntropy"] = new((t, x) => -x[0].GatherLogSoftmax(In(t, Ids)).Mean(), (t, x) =>
            Compositions.CrossEntropy(x[0], In(t, Ids)), Rows),
        ["Gather"] = new((t, x) => x[0].Gather(In(t, Ids)), (t, x) => (x[0] * OneHot(t)).SumColumns(), Rows),
        ["SelectRows"] = new((t, x) => x[0].SelectRows(In(t, [4, 4, 0])), (t, x) => t.Constant(
            [.. Enumerable.Range(0, 3 * T).Select(i => i % T == (i / T < 2 ? 4 : 0) ? 1f : 0f)], new Shape(3, T)).MatMul(x[0]), Rows),
        ["Linear"] = new((_, x) => x[0].Linear(x[1]), (_, x) => x[0].Reshape(new Shape(1, T, C))
            .BatchMatMul(x[1].Reshape(new Shape(1, 5, C)), GemmForm.NT).Reshape(new Shape(T, 5)), Rows, new Shape(5, C)),
        ["KlDivergence"] = new((t, x) => x[0].KlDivergence(Other(t)), (t, x) => Compositions.KlDivergence(x[0], Other(t)), Rows),
        ["Entropy"] = new((_, x) => x[0].Entropy(), (_, x) => Compositions.Entropy(x[0]), Rows),
        ["Softmax"] = new((_, x) => x[0].Softmax(), (_, x) => Compositions.LogSoftmax(x[0]).Exp(), Rows),
        ["Rope"] = new((t, x) => Turn(t, (p, cos, sin) => x[0].Rope(p, cos, sin)), (t, x) =>
            Turn(t, (p, cos, sin) => Compositions.Rope(x[0], p, cos, sin)), Heads),
        ["WeightedSum"] = new((t, x) => x[0].WeightedSum(Other(t), 0.3f), (t, x) => 0.3f * (x[0] * Other(t)).Sum(), Rows),
    };

    public static IEnumerable<object[]> OnDevices => from device in Devices.Names from name in Pairs.Keys select (object[])[device, name];

    [DeviceTheory, MemberData(nameof(OnDevices))]
    public void A_fused_op_and_its_composition_agree_in_value_and_gradient(string name, string op)
    {
        using Device device = Devices.Open(name);
        Pair pair = Pairs[op];
        float[][] fused = Run(device, pair.Fused, pair.Shapes), composed = Run(device, pair.Composed, pair.Shapes);

        // Some tens of roundings of numbers near 1, on a GPU rougher exponentials.
        for (int i = 0; i < fused.Length; i++) OpCheck.Close(fused[i].Doubles(), composed[i], 2e-5);
    }

    [Fact]
    public void Every_composition_is_compared()
    {
        // LogSoftmax within Softmax and GatherLogSoftmax.
        string[] compared = [.. Pairs.Keys.Select(name => name.Split(',')[0]), "LogSoftmax"];
        Assert.Empty(typeof(Compositions).GetMethods().Where(m => m.IsStatic).Select(m => m.Name).Except(compared));
    }

    [DeviceTheory, OnEveryDevice]
    public void A_composition_that_forgets_the_mask_is_found(string name)
    {
        using Device device = Devices.Open(name);
        Pair attention = Pairs["Attention"], unmasked = Attend(Heads, KeyHeads, null, 1);
        double[] expected = Run(device, attention.Fused, attention.Shapes)[0].Doubles();
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() =>
            OpCheck.Close(expected, Run(device, unmasked.Composed, unmasked.Shapes)[0], 2e-5));
    }

    private static Pair Attend(Shape q, Shape k, float? scale, int window) => new(
        (tape, x) => x[0].Attention(x[1], x[2], tape.StartsOf(1, q[0]), scale, window), (_, x) =>
            Compositions.Attention(x[0], x[1], x[2], scale, window), q, k, k);

    private static TokenIds In(Tape tape, int[] ids) => tape.Ids(ids, new Shape(ids.Length));

    private static Tensor Other(Tape tape) => tape.Constant(Operand.Normal(T * C, seed: 77), Rows);

    private static Tensor OneHot(Tape tape) =>
        tape.Constant([.. Enumerable.Range(0, T * C).Select(i => i % C == Ids[i / C] ? 1f : 0f)], Rows);

    private static Tensor Turn(Tape tape, Func<TokenIds, Tensor, Tensor, Tensor> rope)
    {
        (float[] cos, float[] sin) = TensorOps.RopeTables(12, RotaryScaling.Frequencies(6, 10_000f, scaling: null));
        return rope(In(tape, Positions), tape.Constant(cos, new Shape(12, 3)), tape.Constant(sin, new Shape(12, 3)));
    }

    // The value, and each operand's gradient of ⟨dy, y⟩.
    private static float[][] Run(Device device, Func<Tape, Tensor[], Tensor> op, Shape[] shapes)
    {
        using Tape tape = Tape.Record(device);
        Tensor[] x = [.. shapes.Select((shape, i) => tape.Variable(Operand.Normal(shape.Count, seed: (ulong)i + 1), shape))];
        Tensor y = op(tape, x);
        tape.Backward(y.WeightedSum(tape.Constant(Operand.Normal(y.Shape.Count, seed: 99), y.Shape)));
        return [y.ToArray(), .. x.Select(v => v.GradToArray())];
    }
}
