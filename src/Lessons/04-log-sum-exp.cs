// Lesson 4: log-sum-exp, a soft value.
// The logits of a language model are a Q function: Q(s, a) for every token a that may come next in state s. Then
//     V(s) = log Σₐ exp Q(s, a)          the soft value of the state
//     π(a|s) = exp(Q(s, a) − V(s))       softmax: the policy of that Q
// What softmax divides by, and every library throws away, is a value.
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

using var device = Device.Cpu(threads: 1);
using Tape tape = Tape.Record(device);

// ---- the worked example of Theory/README.md: tokens a and the end; Q(start) = (log 3, 0), Q(after a) = (0, log 4) ----
Tensor q = tape.Variable([MathF.Log(3), 0, 0, MathF.Log(4)], new Shape(2, 2));
Tensor v = q.LogSumExp(), policy = (q.AddColumn(-v)).Exp();
Console.WriteLine($"V      = {v}   log 4 and log 5");
Console.WriteLine($"π      = {policy}");
Console.WriteLine($"softmax= {q.Softmax()}");

// ---- the slope of V is π: raising Q(s, a) raises V(s) as far as a is likely ----
tape.Backward(v.Sum());
Console.WriteLine($"dV/dQ  = [{string.Join(", ", q.GradToArray().Select(x => x.ToString("F2")))}]");

// ---- a soft maximum: τ V(Q/τ) comes down to the largest Q as the temperature τ falls; at τ = 1 every other token adds to it ----
Tensor four = tape.Constant([1, 2, 3, 2.5f], new Shape(1, 4));
foreach (float tau in (float[])[4, 1, 0.25f, 0.05f])
    Console.WriteLine($"τ = {tau,4}: τ V(Q/τ) = {(tau * (four / tau).LogSumExp()).Item(),6:F3}   largest Q = 3");

// ---- in numbers of a machine: e^x overflows at 88.7, so the maximum is subtracted first: log Σ e^x = m + log Σ e^(x − m) ----
Tensor large = tape.Constant([1000, 1001], new Shape(1, 2));
Console.WriteLine($"from parts: {Compositions.LogSumExp(large)},   fused: {large.LogSumExp()}");

// ---- a forbidden token is one with Q = −∞: it adds e^−∞ = 0 to the value, its probability is 0, and nothing becomes NaN ----
Tensor masked = tape.Constant([0, float.NegativeInfinity, 0], new Shape(1, 3));
Console.WriteLine($"with one of three forbidden: V = {masked.LogSumExp()} = log 2, π = {masked.Softmax()}");

// ---- cross-entropy is V(s) − Q(s, a): to learn a token is to raise its Q against the value of the state ----
Tensor loss = v - q.Gather(tape.Ids([0, 1], new Shape(2)));
Tensor logProb = q.GatherLogSoftmax(tape.Ids([0, 1], new Shape(2)));
Console.WriteLine($"−log π of 'a', then the end: {loss}   log 4/3 and log 5/4, by their op {-logProb}");
