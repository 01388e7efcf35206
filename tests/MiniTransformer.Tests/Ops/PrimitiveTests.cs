using FsCheck.Xunit;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Ops;

public class PrimitiveTests
{
    private const int C = 19; // whole vectors and some elements more

    private static readonly Shape Rows = new(2, 3, C), Column = new(2, 3), Row = new(C);

    /// <summary>A primitive op, its definition in double, and the shapes of its operands.</summary>
    private sealed record Primitive(Func<Tape, Tensor[], Tensor> Op, Func<double[][], double[]> Definition, params Shape[] Shapes);

    private static readonly Dictionary<string, Primitive> Primitives = new()
    {
        ["AddRow"] = new((_, x) => x[0].AddRow(x[1]), x => Each(x[0], (v, r, i) => v + x[1][i]), Rows, Row),
        ["AddColumn"] = new((_, x) => x[0].AddColumn(x[1]), x => Each(x[0], (v, r, i) => v + x[1][r]), Rows, Column),
        ["MultiplyRow"] = new((_, x) => x[0].MultiplyRow(x[1]), x => Each(x[0], (v, r, i) => v * x[1][i]), Rows, Row),
        ["MultiplyColumn"] = new((_, x) => x[0].MultiplyColumn(x[1]), x => Each(x[0], (v, r, i) => v * x[1][r]), Rows, Column),
        ["BroadcastRow"] = new((t, x) => t.BroadcastRow(x[0], Rows), x => Each(new double[6 * C], (_, r, i) => x[0][i]), Row),
        ["BroadcastColumn"] = new((t, x) => t.BroadcastColumn(x[0], Rows), x => Each(new double[6 * C], (_, r, i) => x[0][r]), Column),
        ["SumRows"] = new((_, x) => x[0].SumRows(), x => [.. Enumerable.Range(0, C).Select(i => x[0].Chunk(C).Sum(row => row[i]))], Rows),
        ["SumColumns"] = new((_, x) => x[0].SumColumns(), x => [.. x[0].Chunk(C).Select(row => row.Sum())], Rows),
        ["MeanRows"] = new((_, x) => x[0].MeanRows(), x =>
            [.. Enumerable.Range(0, C).Select(i => x[0].Chunk(C).Average(row => row[i]))], Rows),
        ["MeanColumns"] = new((_, x) => x[0].MeanColumns(), x => [.. x[0].Chunk(C).Select(row => row.Average())], Rows),
        ["Mean"] = new((_, x) => x[0].Mean(), x => [x[0].Average()], Rows),
        ["Centre"] = new((_, x) => x[0].Centre(), x => [.. x[0].Chunk(C).SelectMany(row => row.Select(v => v - row.Average()))], Rows),
        ["Softmax"] = new((_, x) => x[0].Softmax(), x => [.. x[0].Chunk(C).SelectMany(Softmax)], Rows),
        ["1 - x"] = new((_, x) => 1 - x[0], x => Each(x[0], (v, _, _) => 1 - v), Rows),
        ["x - 1"] = new((_, x) => x[0] - 1, x => Each(x[0], (v, _, _) => v - 1), Rows),
        ["x + 3 + x"] = new((_, x) => x[0] + 3 + x[0], x => Each(x[0], (v, _, _) => 2 * v + 3), Rows),
        ["3 + x"] = new((_, x) => 3 + x[0], x => Each(x[0], (v, _, _) => v + 3), Rows),
        ["x / 3"] = new((_, x) => x[0] / 3, x => Each(x[0], (v, _, _) => v / 3), Rows),
        ["2 / exp x"] = new((_, x) => 2 / x[0].Exp(), x => Each(x[0], (v, _, _) => 2 * Math.Exp(-v)), Rows),
        ["a / exp b"] = new((_, x) => x[0] / x[1].Exp(), x => Each(x[0], (v, r, i) => v * Math.Exp(-x[1][C * r + i])), Rows, Rows),
        ["-x"] = new((_, x) => -x[0], x => Each(x[0], (v, _, _) => -v), Rows),
        ["x * 2"] = new((_, x) => x[0] * 2, x => Each(x[0], (v, _, _) => 2 * v), Rows),
        ["Affine"] = new((_, x) => x[0].Affine(-0.5f, 2), x => Each(x[0], (v, _, _) => 2 - 0.5 * v), Rows),
        ["a b"] = new((_, x) => x[0].BatchMatMul(x[1]), x => Products(x, 3, GemmForm.NN, 5, 4, 6), new Shape(3, 5, 6), new Shape(3, 6, 4)),
        ["a bᵀ"] = new((_, x) => x[0].BatchMatMul(x[1], GemmForm.NT), x =>
            Products(x, 3, GemmForm.NT, 5, 4, 6), new Shape(3, 5, 6), new Shape(3, 4, 6)),
        ["aᵀ b"] = new((_, x) => x[0].BatchMatMul(x[1], GemmForm.TN), x =>
            Products(x, 6, GemmForm.TN, 5, 4, 6), new Shape(2, 3, 6, 5), new Shape(2, 3, 6, 4)),
    };

    public static IEnumerable<object[]> OnDevices =>
        from device in Devices.Names from name in Primitives.Keys select (object[])[device, name];

    public static TheoryData<string> Names => [.. Primitives.Keys];

    [DeviceTheory, MemberData(nameof(OnDevices))]
    public void A_primitive_agrees_with_its_definition_on_every_device(string device, string name)
    {
        Primitive p = Primitives[name];
        OpCheck.Agrees(device, p.Op, p.Definition, 2 * OpCheck.Few,
            [.. p.Shapes.Select((shape, i) => OpCheck.Normal(shape, seed: (ulong)i + 1))]);
    }

    [Theory, MemberData(nameof(Names))]
    public void The_gradient_check_passes(string name)
    {
        using Device device = Device.Cpu(1);
        Primitive p = Primitives[name];
        GradientInput[] inputs = [.. p.Shapes.Select((shape, i) => OpCheck.Normal(shape, seed: (ulong)i + 11, scale: 0.5))];
        GradientCheck.Check(device, (tape, x) => p.Op(tape, x).Square().Sum(), inputs);
    }

    // Sizes that three threads share unevenly: above the grain of every kernel.
    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        (Func<Tape, Tensor[], Tensor> Op, Shape[] Shapes)[] ops =
        [
            ((_, x) => x[0].AddColumn(x[1]), [new(517, 131), new(517)]),
            ((t, x) => t.BroadcastColumn(x[0], new Shape(517, 131)).MultiplyRow(x[1]), [new(517), new(131)]),
            ((_, x) => x[0].SumColumns(), [new(517, 131)]),
            ((_, x) => x[0].SumRows(), [new(517, 131)]),
            ((_, x) => x[0].Softmax(), [new(517, 131)]),
            ((_, x) => 1 - x[0] / 3, [new(517, 131)]),
            ((_, x) => x[0].BatchMatMul(x[1], GemmForm.NT), [new(37, 33, 21), new(37, 29, 21)]),
            ((_, x) => x[0].BatchMatMul(x[1], GemmForm.TN), [new(3, 90, 70), new(3, 90, 80)]), // each product is shared
        ];
        Assert.All(ops, op => Assert.Equal(Run("CPU, 1 thread", op.Op, op.Shapes), Run("CPU, 3 threads", op.Op, op.Shapes)));
    }

    [Property(MaxTest = 60)]
    public bool A_batch_of_products_has_the_bits_of_the_products_one_by_one(byte seed)
    {
        var rng = new Rng(seed);
        (int batch, int m, int n, int k, GemmForm form) =
            (1 + rng.NextInt(4), 1 + rng.NextInt(40), 1 + rng.NextInt(40), 1 + rng.NextInt(40), (GemmForm)rng.NextInt(3));
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.NoGrad(device);
        float[] a = Operand.Normal(batch * m * k, seed), b = Operand.Normal(batch * k * n, seed + 1UL);
        Tensor y = tape.Constant(a, form == GemmForm.TN ? new Shape(batch, k, m) : new Shape(batch, m, k))
            .BatchMatMul(tape.Constant(b, form == GemmForm.NT ? new Shape(batch, n, k) : new Shape(batch, k, n)), form);
        float[] expected = [.. Enumerable.Range(0, batch).SelectMany(i =>
        {
            Tensor one = tape.New(new Shape(m, n));
            tape.Backend.MatMul(
                form, tape.Constant(a.AsSpan(i * m * k, m * k), new Shape(m * k)).Storage,
                tape.Constant(b.AsSpan(i * k * n, k * n), new Shape(k * n)).Storage,
                one.Storage, m, n, k, accumulate: false);
            return one.ToArray();
        })];
        return y.ToArray().AsSpan().SequenceEqual(expected);
    }

    [DeviceTheory, OnEveryDevice]
    public void A_forbidden_element_of_a_softmax_is_0_and_a_row_of_them_is_no_NaN(string name)
    {
        const float No = float.NegativeInfinity;
        using Device device = Devices.Open(name);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable([1, No, 1, No, No, No, 900, 0, No], new Shape(3, 3)), y = x.Softmax();
        tape.Backward(y.WeightedSum(tape.Constant([1, 2, 3, 4, 5, 6, 7, 8, 9], new Shape(3, 3))));
        Assert.Equal([0.5f, 0, 0.5f, 0, 0, 0, 1, 0, 0], y.ToArray());
        Assert.Equal([-0.5f, 0, 0.5f, 0, 0, 0, 0, 0, 0], x.GradToArray());
    }

    [Fact]
    public void What_does_not_fit_is_an_error_that_says_what_came_and_what_is_needed()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor a = tape.Variable(new float[24], new Shape(2, 3, 4)), b = tape.Variable(new float[24], new Shape(2, 4, 3));
        Tensor column = tape.Variable(new float[3], new Shape(3));
        Refuses("BatchMatMul: inner dimensions differ: (2, 3, 4) × (2, 4, 3) in the form NT; 4 ≠ 3.", () => a.BatchMatMul(b, GemmForm.NT));
        Refuses("BatchMatMul: the batches differ: (2, 3, 4) and (4, 3, 2).", () => a.BatchMatMul(b.Reshape(new Shape(4, 3, 2))));
        Refuses("BatchMatMul: (24) and (2, 4, 3) came; two batches of matrices, (B, M, K) or (A, B, M, K), are needed.", () =>
            a.Reshape(new Shape(24)).BatchMatMul(b));
        Refuses("AddColumn: the column has shape (3); (2, 3) is needed, one number for each row of (2, 3, 4).", () => a.AddColumn(column));
        Refuses("BroadcastRow: the row has shape (3); (4) is needed.", () => a.MultiplyRow(column));

        static void Refuses(string message, Func<Tensor> op) =>
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => { op(); }).Message);
    }

    private static float[] Run(string device, Func<Tape, Tensor[], Tensor> op, Shape[] shapes)
    {
        using Device opened = Devices.Open(device);
        using Tape tape = Tape.Record(opened);
        Tensor[] x = [.. shapes.Select((shape, i) => tape.Variable(Operand.Normal(shape.Count, seed: (ulong)i + 1), shape))];
        Tensor y = op(tape, x);
        tape.Backward(y.WeightedSum(tape.Constant(Operand.Normal(y.Shape.Count, seed: 9), y.Shape)));
        return [.. y.ToArray(), .. x.SelectMany(v => v.GradToArray())];
    }

    private static double[] Each(double[] x, Func<double, int, int, double> f) => [.. x.Select((v, at) => f(v, at / C, at % C))];

    private static double[] Softmax(double[] x) => [.. x.Select(v => Math.Exp(v) / x.Sum(Math.Exp))];

    private static double[] Products(double[][] x, int batch, GemmForm form, int m, int n, int k) =>
    [
        .. from i in Enumerable.Range(0, batch)
           from row in Enumerable.Range(0, m)
           from column in Enumerable.Range(0, n)
           select Enumerable.Range(0, k).Sum(j =>
               x[0][i * m * k + (form == GemmForm.TN ? j * m + row : row * k + j)]
               * x[1][i * k * n + (form == GemmForm.NT ? column * k + j : j * n + column)]),
    ];
}
