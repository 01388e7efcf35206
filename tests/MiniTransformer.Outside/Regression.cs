using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace Outside;

/// <summary>An own trainer, in the form of the library's: an iterator, an item a step.</summary>
public static class Regression
{
    /// <summary>Fits y = network(x) by the mean square; yields the loss of each step.</summary>
    public static IEnumerable<float> Train(CappedNetwork network, float[] x, float[] y, int rows, int steps, double learningRate)
    {
        using var optimizer = new AdamW(network.Parameters, new AdamWOptions { WeightDecay = 0 });
        for (int step = 0; step < steps; step++)
        {
            float loss;
            using (Tape tape = Tape.Record(network.Parameters[0].Device))
            {
                Tensor predicted = network.Forward(tape.Constant(x, new Shape(rows, x.Length / rows)));
                Tensor square = (predicted - tape.Constant(y, predicted.Shape)).Square().Mean();
                tape.Backward(square);
                loss = square.Item();
            }

            optimizer.Step(learningRate);
            yield return loss;
        }
    }
}
