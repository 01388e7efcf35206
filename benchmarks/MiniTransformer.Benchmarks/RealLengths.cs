using System.Diagnostics;
using System.Globalization;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// Training and scoring steps on sequences with the lengths of a file: a line for each, tokens of the prompt and of the response. Batches
/// are drawn in a fixed shuffled order; what is counted are response tokens.
/// </summary>
internal static class RealLengths
{
    /// <summary>The lengths of a file.</summary>
    /// <exception cref="FormatException">A line is not two positive numbers.</exception>
    public static (int Prompt, int Response)[] Read(string file) => [.. File.ReadLines(file).Select((line, i) =>
    {
        string[] numbers = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return numbers.Length == 2 && int.TryParse(numbers[0], CultureInfo.InvariantCulture, out int prompt) && prompt > 0
            && int.TryParse(numbers[1], CultureInfo.InvariantCulture, out int response) && response > 0
            ? (prompt, response)
            : throw new FormatException($"{file}:{i + 1}: '{line}' came; two positive numbers are needed, tokens of the prompt and of the "
                + "response.");
    })];

    /// <summary>Seconds and response tokens of each step.</summary>
    public static List<(double Seconds, int Tokens)> Run(Transformer model, (int Prompt, int Response)[] lengths, int batchSize,
        bool train, int steps, int warmup)
    {
        using AdamW? optimizer = train ? new AdamW(model.Parameters, new AdamWOptions { Beta2 = .95f, WeightDecay = .1f }) : null;
        var order = new BatchOrder(lengths.Length, seed: 7);
        var done = new List<(double, int)>();
        for (int step = -warmup; step < steps; step++)
        {
            var batch = new ResponseBatch([.. order.IndicesOf(step + warmup, batchSize)
                .Select(i => Sequence(lengths[i], model.Config.VocabSize, i))]);
            long start = Stopwatch.GetTimestamp();
            if (optimizer is null) Score(model, batch);
            else Train(model, batch, optimizer);
            if (step >= 0) done.Add((Stopwatch.GetElapsedTime(start).TotalSeconds, batch.N));
        }

        return done;
    }

    private static void Train(Transformer model, ResponseBatch batch, AdamW optimizer)
    {
        using Tape tape = Tape.Record(model.Device);
        Tensor loss = new Objective().Loss(tape, model.Rows(tape, batch), batch, 1f / batch.N);
        tape.Backward(loss);
        optimizer.Step(3e-4);
        if (!float.IsFinite(loss.Item())) throw new ArithmeticException("The loss is not a number.");
    }

    private static void Score(Transformer model, ResponseBatch batch) => ResponseLikelihood.Of(model, batch.Examples);

    private static Example Sequence((int Prompt, int Response) length, int vocabulary, int index)
    {
        var rng = new Rng(11, stream: (ulong)index);
        return new Example(Draw(length.Prompt), Draw(length.Response));

        int[] Draw(int n) => [.. Enumerable.Range(0, n).Select(_ => rng.NextInt(vocabulary))];
    }
}
