// Lesson 14: a LoRA adapter by hand.
// To teach a trained matrix W something new, W may stay as it is: what is learned is a product of two thin matrices beside it,
//     y = x Wᵀ + (α/r) x Aᵀ Bᵀ          W (out, in) frozen, A (r, in) random, B (out, r) zero at first
// (E. Hu et al., "LoRA", 2021). It is small, is taken off again in no time, and one W serves many of them: π_θ, π_SFT and π_ref, say.
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

const int C = 24, Rows = 200, TrueRank = 3;
using var device = Device.Cpu(threads: 1);
var rng = new Rng(seed: 1);
using var w = new Parameter(device, "w", new Shape(C, C)) { Trainable = false };
w.Set(Normal(C * C));

// ---- what is new: W's map changes by a matrix of rank 3 ----
float[] x = Normal(Rows * C), before = Run(tape => Input(tape).Linear(w)), wanted;
using (Tape tape = Tape.NoGrad(device))
{
    var thin = new Shape(C, TrueRank);
    Tensor change = tape.Constant(Normal(thin.Count), thin).Linear(tape.Constant(Normal(thin.Count), thin));
    wanted = (Input(tape).Linear(w) + Input(tape).Linear(0.2f * change)).ToArray();
}

Console.WriteLine($"W has {C * C} numbers; the change has rank {TrueRank}");
foreach (int rank in (int[])[1, 2, 3, 6])
{
    var adapter = new Adapter(w, ParameterSource.Random(device, seed: 2), rank, alpha: 2 * rank);
    bool starts = Run(tape => adapter.Forward(Input(tape))).SequenceEqual(before);
    using var optimizer = new AdamW(adapter.Parameters, new AdamWOptions { WeightDecay = 0 });
    float first = 0, loss = 0;
    for (int step = 0; step < 600; step++)
    {
        using Tape tape = Tape.Record(device);
        Tensor error = (adapter.Forward(Input(tape)) - tape.Constant(wanted, new Shape(Rows, C))).Square().Mean();
        tape.Backward(error);
        optimizer.Step(0.02);
        (first, loss) = (step == 0 ? error.Item() : first, error.Item());
    }

    string verdict = loss < 1e-3 * first ? "learned" : "too thin";
    Console.WriteLine($"rank {rank}: {adapter.Parameters.Sum(p => p.Shape.Count),3} numbers, starts as W alone: {starts}; {verdict}");
    Console.WriteLine($"~ mean square error {first:F3} → {loss:F6}");
    if (rank != TrueRank) continue;

    // ---- merged: W + (α/r) B A is one matrix again, for whoever wants speed and no choice ----
    using var merged = new Parameter(device, "merged", w.Shape);
    using (Tape tape = Tape.NoGrad(device)) merged.Set((tape.Constant(w.ToArray(), w.Shape) + adapter.Product(tape)).ToArray());
    float[] beside = Run(tape => adapter.Forward(Input(tape))), inside = Run(tape => Input(tape).Linear(merged));
    Console.WriteLine($"        merged into W it computes the same: {beside.Zip(inside, (a, b) => Math.Abs(a - b)).Max() < 1e-4}");
}

bool untouched = Run(tape => Input(tape).Linear(w)).SequenceEqual(before);
Console.WriteLine($"W itself, after all that, computes the same bits as before: {untouched}");

float[] Normal(int n) => [.. Enumerable.Range(0, n).Select(_ => (float)rng.NextNormal())];

Tensor Input(Tape tape) => tape.Constant(x, new Shape(Rows, C));

float[] Run(Func<Tape, Tensor> f)
{
    using Tape tape = Tape.NoGrad(device);
    return f(tape).ToArray();
}

sealed class Adapter(Parameter w, ParameterSource source, int rank, float alpha)
{
    private readonly Parameter a = source.Take("lora_A", new Shape(rank, w.Shape[1]), new(Mean: 0, Deviation: 0.2f));
    private readonly Parameter b = source.Take("lora_B", new Shape(w.Shape[0], rank), new(Mean: 0, Deviation: 0));

    public IReadOnlyList<Parameter> Parameters => [a, b];

    public Tensor Forward(Tensor x) => x.Linear(w) + alpha / rank * x.Linear(a).Linear(b);

    public Tensor Product(Tape tape) => alpha / rank * tape.Constant(b.ToArray(), b.Shape).MatMul(a);
}
