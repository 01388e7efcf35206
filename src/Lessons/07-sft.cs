// Lesson 7: labels, masks, and SFT in thirty lines.
// Demonstrations are prompts with responses. A model says at each place what comes next; it is asked, and corrected, at the response.
#:project ../MiniTransformer/MiniTransformer.csproj
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

// The task: two digits, turned around. Ten digits, '>' after the prompt, '.' at the end: "37>73."
const int Go = 10, End = 11;
(int[] Prompt, int[] Response)[] all =
    [.. Enumerable.Range(0, 100).Select(i => ((int[])[i / 10, i % 10, Go], (int[])[i % 10, i / 10, End]))];
new Rng(seed: 1).Shuffle<(int[], int[])>(all);
(int[] Prompt, int[] Response)[] train = all[..80], heldOut = all[80..];

using var device = Device.Cpu(threads: 1);
using var model = new Transformer(new TransformerConfig
{
    VocabSize = 12, HiddenSize = 32, IntermediateSize = 64, NumLayers = 2, NumHeads = 2, MaxPositions = 8,
}, ParameterSource.Random(device, seed: 1));

// ---- the labels, once and visibly. inputs   3 7 > 7 3      the row of an input predicts the token after it:
//                                    predicts · · 7 3 .      rows 2, 3, 4; targets 7, 3, '.'
using (Tape tape = Tape.NoGrad(device))
{
    (TokenRows inputs, TokenIds rows, TokenIds targets) = Batch(tape, [([3, 7, Go], [7, 3, End]), ([5, Go], [5, End])]);
    Console.WriteLine($"inputs  {inputs.Ids}   two sequences, from row 0 and from row {inputs.Starts[1]}");
    Console.WriteLine($"rows    {rows}\ntargets {targets}");
}

// ---- the training: thirty lines with the batches below ----
using var optimizer = new AdamW(model.Parameters);
Schedule rate = Schedule.Cosine(peak: 5e-3, warmupSteps: 20, finalFraction: 0.1);
var rng = new Rng(seed: 2);
for (int step = 0; step < 400; step++)
{
    using Tape tape = Tape.Record(device);
    (int[], int[])[] drawn = [.. Enumerable.Range(0, 32).Select(_ => train[rng.NextInt(train.Length)])];
    (TokenRows inputs, TokenIds rows, TokenIds targets) = Batch(tape, drawn);
    Tensor logits = model.Logits(inputs, rows);                       // computed where a response is predicted, and nowhere else
    Tensor loss = -logits.GatherLogSoftmax(targets).Mean();           // nats a token: the mean over the batch's response tokens
    tape.Backward(loss);
    optimizer.Step(rate.At(step, 400));
    if (step is 0 or 10 or 30 or 100 or 399) Console.WriteLine($"step {step,3}: loss {loss.Item():F1}");
}

(TokenRows Inputs, TokenIds Rows, TokenIds Targets) Batch(Tape tape, (int[] Prompt, int[] Response)[] examples)
{
    List<int[]> inputs = [];
    List<int> rows = [], targets = [];
    int start = 0;
    foreach ((int[] prompt, int[] response) in examples)
    {
        inputs.Add([.. prompt, .. response[..^1]]);                   // nothing is asked after the end token
        for (int j = 0; j < response.Length; j++)
        {
            rows.Add(start + prompt.Length - 1 + j);                  // the prompt's last token predicts the response's first
            targets.Add(response[j]);
        }

        start += inputs[^1].Length;
    }

    return (tape.Sequences(inputs), tape.Ids([.. rows], new Shape(rows.Count)), tape.Ids([.. targets], new Shape(targets.Count)));
}

// ---- what it has learned: held-out prompts, answered greedily ----
SamplingOptions greedy = SamplingOptions.Greedy with { MaxTokens = 5 };
SampledResponse[] answers = Sampler.Generate(model, [.. heldOut.Select(e => e.Prompt)], End, greedy);
int right = answers.Zip(heldOut).Count(pair => pair.First.Ids.SequenceEqual(pair.Second.Response));
Console.WriteLine($"right on {(right >= 15 ? "at least 15" : right)} of {heldOut.Length} prompts that it has not seen");
