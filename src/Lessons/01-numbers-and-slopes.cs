// Lesson 1: numbers and slopes.
// A tensor is numbers in a shape. A tape writes down what is computed; read backwards, it gives the result's slope by each number.
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

using var device = Device.Cpu(threads: 1);

// ---- a slope, by the tape and by hand ----
using (Tape tape = Tape.Record(device))
{
    Tensor x = tape.Variable([1, 2, 3], new Shape(3));
    Tensor y = (x * x).Sum();                      // y = Σ xᵢ², a tensor of one number
    tape.Backward(y);                              // dy/dxᵢ = 2 xᵢ
    Console.WriteLine($"x      {x}");
    Console.WriteLine($"y      {y}");
    Console.WriteLine($"dy/dx  [{string.Join(", ", x.GradToArray())}]");
}

float Squares(float x0)                            // the same function of the first number alone
{
    using Tape tape = Tape.NoGrad(device);         // nothing is written down: only values are wanted
    Tensor x = tape.Constant([x0, 2, 3], new Shape(3));
    return (x * x).Sum().Item();
}

const float h = 1f / 64;
Console.WriteLine($"by hand, (f(x+h) − f(x−h)) / 2h = {(Squares(1 + h) - Squares(1 - h)) / (2 * h)}");

// ---- the chain rule: each op knows its own slope, the tape multiplies them ----
using (Tape tape = Tape.Record(device))
{
    Tensor x = tape.Variable([0.5f], new Shape(1));
    Tensor u = 3 * x, v = u.Exp(), y = 1 - v / 2;  // y = 1 − e³ˣ/2, dy/dx = −3/2 e³ˣ
    tape.Backward(y);
    Console.WriteLine($"d(1 − e³ˣ/2)/dx at ½ = {x.GradToArray()[0]:F4}, by the formula {-1.5 * Math.Exp(1.5):F4}");
}

// ---- down the slope: a line through points ----
// A parameter outlives the tapes. Its gradient adds up until somebody takes it.
float[] xs = [0, 1, 2, 3], ys = [1, 3, 5, 7];      // y = 2x + 1
using var slope = new Parameter(device, "slope", new Shape(1));
using var offset = new Parameter(device, "offset", new Shape(1));
for (int step = 0; step <= 40; step++)
{
    using Tape tape = Tape.Record(device);
    Tensor x = tape.Constant(xs, new Shape(4, 1)), y = tape.Constant(ys, new Shape(4, 1));
    Tensor error = x.MultiplyRow(slope).AddRow(offset) - y;
    Tensor loss = error.Square().Mean();
    tape.Backward(loss);
    string line = $"y = {slope.ToArray()[0]:F2} x + {offset.ToArray()[0]:F2}";
    if (step % 10 == 0) Console.WriteLine($"step {step,2}: loss {loss.Item():F4}, {line}");
    foreach (Parameter p in (Parameter[])[slope, offset])
    {
        p.Set([p.ToArray()[0] - 0.1f * p.GradientToArray()[0]]);
        p.ZeroGradient();
    }
}
