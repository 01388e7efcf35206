#:property RetainVMGarbageCollection=true
// micro-dpr: a transformer, its gradients, SFT, the dense reward that SFT recovers without saying so, and reinforcement with it.
//     dotnet run src/Lessons/micro-dpr.cs
// The task is the next letter of each: "abcd>" → "bcde.". The teachers are lazy, and mostly copy: the base learns from one who is right
// in 20% of the cases, SFT from one who is right in 40%. The direction from the first to the second is "copy less"; DPR walks on in it.
// This is the whole algorithm after arXiv 2510.02493; everything else in this repository is efficiency, breadth and proof. Left out:
// float32 kernels, a cache (sampling computes every prefix again), responses of unequal length in a batch, several heads, schedules,
// decay, clipping, validation (a fair rival chooses its own length and rate), tokenizers, checkpoints, GPUs. No library is used.
using V = System.Numerics.Vector<double>;
const int Go = 10, End = 11, P = 5, H = 5;                 // tokens: ten letters, ">", "."; the lengths of a prompt and of a response
for (int seed = 1; seed <= 3; seed++) {
    Random random = new(seed);
    int[][] prompts = [.. Enumerable.Range(0, 10_000).Select(i => new[] { i % 10, i / 10 % 10, i / 100 % 10, i / 1000, Go })];
    random.Shuffle(prompts);
    int[][] heldOut = prompts[..400], forDpr = prompts[400..1400];
    int[][] better = Teach(prompts[1400..3400], .4), lazy = Teach(prompts[3400..], .2);
    Model policy = new(random);
    Sft(policy, lazy, steps: 800, rate: 3e-3);
    Model reference = policy.Copy();                       // π_ref
    Sft(policy, better, steps: 100, rate: 1e-3);
    Model expert = policy.Copy(), longer = policy.Copy();  // π_SFT, and the rival: SFT goes on
    Sft(longer, better, steps: 100, rate: 1e-3);
    if (seed == 1) Explain(expert, reference, better[..500]);
    Dpr(policy, expert, reference, forDpr, updates: 40, rate: 2e-3, beta: .5);
    string[] right = [.. new[] { reference, expert, longer, policy }.Select(m => $"{Right(m, greedy: true),9:F3}{Right(m),6:F3}")];
    Console.WriteLine($"seed {seed}     {string.Join("  ", right)}");
    // Demonstrations: the prompt, then the next letters with probability good, else the same; the end token.
    int[][] Teach(int[][] all, double good) => [.. all.Select(p => random.NextDouble() < good ? Answered(p) : [.. p, .. p[..4], End])];
    int[] Answered(int[] p) => [.. p, .. p[..4].Select(letter => (letter + 1) % 10), End];
    double Right(Model m, bool greedy = false) => Sample(m, heldOut, greedy).Average(s => s.SequenceEqual(Answered(s[..P])) ? 1.0 : 0);

    // SFT: the loss is −Σ log π(a_t|s_t) over the tokens of the responses, divided by their number.
    void Sft(Model model, int[][] data, int steps, double rate) {
        for (int step = 0; step < steps; step++) {
            int[][] batch = random.GetItems(data, 32);
            model.LogPolicy(batch).Seed((row, a) => a == Action(batch, row) ? -1.0 / (batch.Length * H) : 0);
            model.Step(rate);
        }
    }

    // DPR: g = E_π[Σ_t G_t ∇ log π(a_t|s_t)] − β ∇KL(π‖π_SFT), G_t = Σ_{k≥t} r̂_k, r̂(s, a) = log π_SFT(a|s) − log π_ref(a|s).
    void Dpr(Model policy, Model expert, Model reference, int[][] prompts, int updates, double rate, double beta) {
        for (int update = 0; update < updates; update++) {
            int[][] batch = Sample(policy, random.GetItems(prompts, 96));
            Matrix logPi = policy.LogPolicy(batch), sft = expert.LogPolicy(batch), old = reference.LogPolicy(batch);
            int[] alive = [.. Enumerable.Range(0, logPi.Rows).Where(row => Array.IndexOf(batch[row / H], End, P, row % H) < 0)];
            double[] g = new double[logPi.Rows];
            foreach (int row in alive.Reverse())
                g[row] = sft[row, Action(batch, row)] - old[row, Action(batch, row)] + (row % H < H - 1 ? g[row + 1] : 0);
            // The advantage: the return less the batch's mean at its position, divided by the root mean square of all.
            ILookup<int, double> at = alive.ToLookup(row => row % H, row => g[row]);
            double[] mean = [.. Enumerable.Range(0, H).Select(t => at[t].DefaultIfEmpty().Average())];
            foreach (int row in alive) g[row] -= mean[row % H];
            double rms = Math.Sqrt(alive.Average(row => g[row] * g[row]));
            logPi.Seed((row, a) => Array.BinarySearch(alive, row) < 0 ? 0 : ((a == Action(batch, row) ? -g[row] / rms : 0)
                + beta * Math.Exp(logPi[row, a]) * (logPi[row, a] - sft[row, a] + 1)) / alive.Length);  // ∂ of Σ_a π (log π − log π_SFT)
            policy.Step(rate);
        }
    }

    // One response to each prompt, the likeliest token each time or a drawn one; after an end token the rest is End, too.
    int[][] Sample(Model model, int[][] prompts, bool greedy = false) {
        int[][] batch = [.. prompts.Select(p => (int[])[.. p, .. Enumerable.Repeat(End, H)])];
        for (int t = 0; t < H; t++) {
            Matrix logPi = model.LogPolicy(batch);
            foreach ((int b, int[] s) in batch.Index().Where(x => Array.IndexOf(x.Item, End, P, t) < 0)) {
                double[] pi = [.. logPi.Row(b * H + t).ToArray().Select(Math.Exp)];
                double left = random.NextDouble();
                s[P + t] = greedy ? Array.IndexOf(pi, pi.Max()) : Math.Max(0, Array.FindIndex(pi, p => (left -= p) < 0));
            }
        }
        return batch;
    }
}
static int Action(int[][] batch, int row) => batch[row / H][P + row % H];

// What SFT has learned. Its logits are soft Q-values: V(s) = log Σ_a exp Q(s, a), r_Q = Q(s_t, a_t) − V(s_{t+1}), J(Q) = Σ_t r_Q − V(s_0).
static void Explain(Model expert, Model reference, int[][] data) {
    Matrix q = expert.Logits(data), logPi = expert.LogPolicy(data);
    double J(int row) => q[row, Action(data, row)] - (row % H < H - 1 ? q.Value(row + 1) : 0) - (row % H == 0 ? q.Value(row) : 0);
    double Mean(Func<int, double> of) => Enumerable.Range(0, q.Rows).Sum(of) / data.Length;
    Console.WriteLine($"inverse soft-Q objective J(Q) {Mean(J):F12} nats a response, from Q and V");
    Console.WriteLine($"minus the loss of SFT         {Mean(row => logPi[row, Action(data, row)]):F12}\n");
    int[][] two = [[0, 1, 2, 3, Go, 1, 2, 3, 4, End], [0, 1, 2, 3, Go, 0, 1, 2, 3, End]];
    Matrix sft = expert.LogPolicy(two), old = reference.LogPolicy(two);
    string Token(int row) => $"  {"abcdefghij>."[Action(two, row)]} {sft[row, Action(two, row)] - old[row, Action(two, row)],5:F2}";
    for (int b = 0; b < 2; b++) Console.WriteLine($"r̂ of each token: abcd>{string.Concat(Enumerable.Range(b * H, H).Select(Token))}");
    Console.WriteLine("\nright on 400 held-out prompts, greedy and sampled:");
    Console.WriteLine("               base (π_ref)      SFT (π_SFT)    twice the SFT        DPR (π_θ)");
}

// A decoder: vectors of tokens and places, two blocks of attention and MLP, logits. Its tape holds what the last forward pass has to undo.
sealed class Model(Random random) {
    const int Inputs = 9, Prompt = 5, Vocab = 12, Dim = 32;
    readonly List<Action> tape = [];
    readonly List<(Matrix W, double[] Mean, double[] Square)> parameters = [];
    int next, steps;
    // The next parameter in the order of the forward pass; the first pass makes them, of normal numbers.
    Matrix W(int rows, int columns, double scale = .18) {
        double Normal() => scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble());
        if (next == parameters.Count) Add(new(rows, columns, tape, [.. Enumerable.Range(0, rows * columns).Select(_ => Normal())]));
        return parameters[next++].W;
    }
    void Add(Matrix w) => parameters.Add((w, new double[w.X.Length], new double[w.X.Length]));
    public Model Copy() {
        Model copy = new(random);
        foreach (var (w, _, _) in parameters) copy.Add(new(w.Rows, w.Columns, copy.tape, [.. w.X]));
        return copy;
    }
    public Matrix Logits(int[][] batch) {
        tape.Clear();
        (next, int[] places) = (0, [.. Enumerable.Range(0, batch.Length * Inputs)]);
        Matrix x = W(Vocab, Dim, 1).Pick([.. places.Select(i => batch[i / Inputs][i % Inputs])]);
        x += W(Inputs, Dim, 1).Pick([.. places.Select(i => i % Inputs)]);
        for (int layer = 0; layer < 2; layer++) {
            Matrix h = x.Norm();
            x += Matrix.Attend(h * W(Dim, Dim), h * W(Dim, Dim), h * W(Dim, Dim), Inputs) * W(Dim, Dim);
            x += (x.Norm() * W(Dim, 4 * Dim)).Relu() * W(4 * Dim, Dim);
        }
        return x.Norm().Pick([.. places.Where(i => i % Inputs >= Prompt - 1)]) * W(Dim, Vocab);
    }
    // log π(·|s) of every state of the responses: row b·H + t is the state before token t of response b.
    public Matrix LogPolicy(int[][] batch) => Logits(batch).LogSoftmax();
    // From the seeded log-probabilities back to the weights, and one step of Adam.
    public void Step(double rate) {
        for (int i = tape.Count - 1; i >= 0; i--) tape[i]();
        double correct1 = 1 - Math.Pow(.9, ++steps), correct2 = 1 - Math.Pow(.98, steps);
        foreach (var (w, mean, square) in parameters)
            for (int i = 0; i < w.X.Length; i++) {
                mean[i] += .1 * (w.G[i] - mean[i]);
                square[i] += .02 * (w.G[i] * w.G[i] - square[i]);
                w.X[i] -= rate * mean[i] / correct1 / (Math.Sqrt(square[i] / correct2) + 1e-8);
                w.G[i] = 0;
            }
    }
}

// A matrix X and the loss's gradient G in it. An op computes its result by rows, and tapes what adds to its operands' gradients.
sealed class Matrix(int rows, int columns, List<Action> tape, double[]? values = null) {
    public readonly int Rows = rows, Columns = columns;
    public readonly double[] X = values ?? new double[rows * columns], G = new double[rows * columns];
    public double this[int row, int column] => X[row * Columns + column];
    public Span<double> Row(int i) => X.AsSpan(i * Columns, Columns);
    Span<double> Grad(int i) => G.AsSpan(i * Columns, Columns);
    public void Seed(Func<int, int, double> gradient) { for (int i = 0; i < G.Length; i++) G[i] = gradient(i / Columns, i % Columns); }
    Matrix Op(int rows, int columns, Action<Matrix, int> forward, Action<Matrix, int> backward) {
        Matrix y = new(rows, columns, tape);
        for (int i = 0; i < rows; i++) forward(y, i);
        tape.Add(() => { for (int i = 0; i < rows; i++) backward(y, i); });
        return y;
    }
    public static Matrix operator +(Matrix a, Matrix b) => a.Op(a.Rows, a.Columns,
        (y, i) => { Add(1, a.Row(i), y.Row(i)); Add(1, b.Row(i), y.Row(i)); },
        (y, i) => { Add(1, y.Grad(i), a.Grad(i)); Add(1, y.Grad(i), b.Grad(i)); });
    // C = A·B, ∂A = ∂C·Bᵀ, ∂B = Aᵀ·∂C.
    public static Matrix operator *(Matrix a, Matrix b) => a.Op(a.Rows, b.Columns,
        (c, i) => { for (int k = 0; k < b.Rows; k++) Add(a[i, k], b.Row(k), c.Row(i)); },
        (c, i) => { for (int k = 0; k < b.Rows; k++) { a.Grad(i)[k] += Dot(c.Grad(i), b.Row(k)); Add(a[i, k], c.Grad(i), b.Grad(k)); } });
    public Matrix Pick(int[] from) => Op(from.Length, Columns,
        (y, i) => Row(from[i]).CopyTo(y.Row(i)), (y, i) => Add(1, y.Grad(i), Grad(from[i])));
    public Matrix Relu() => Op(Rows, Columns,
        (y, i) => { for (int j = 0; j < Columns; j++) y.Row(i)[j] = Math.Max(this[i, j], 0); },
        (y, i) => { for (int j = 0; j < Columns; j++) Grad(i)[j] += this[i, j] > 0 ? y.Grad(i)[j] : 0; });
    // y = x / r, r = √(mean x² + ε);  ∂x = (∂y − y · mean(y ∂y)) / r.
    double Scale(int i) => 1 / Math.Sqrt(Dot(Row(i), Row(i)) / Columns + 1e-6);
    public Matrix Norm() => Op(Rows, Columns, (y, i) => Add(Scale(i), Row(i), y.Row(i)),
        (y, i) => { Add(Scale(i), y.Grad(i), Grad(i)); Add(-Scale(i) * Dot(y.Row(i), y.Grad(i)) / Columns, y.Row(i), Grad(i)); });
    // V = log Σ exp x of a row;  log-softmax y = x − V, ∂x = ∂y − exp(y) Σ ∂y.
    public double Value(int i) { double max = Row(i).ToArray().Max(); return max + Math.Log(Row(i).ToArray().Sum(x => Math.Exp(x - max))); }
    public Matrix LogSoftmax() => Op(Rows, Columns,
        (y, i) => { double v = Value(i); for (int a = 0; a < Columns; a++) y.Row(i)[a] = this[i, a] - v; },
        (y, i) => { double sum = y.Grad(i).ToArray().Sum(); Add(1, y.Grad(i), Grad(i));
            for (int a = 0; a < Columns; a++) Grad(i)[a] -= Math.Exp(y[i, a]) * sum; });
    // One head, n tokens: p_ij = softmax_{j ≤ i}(q_i·k_j / √d), y_i = Σ_j p_ij v_j;  ∂(q_i·k_j) = p_ij (∂y_i·v_j − ∂y_i·y_i) / √d.
    public static Matrix Attend(Matrix q, Matrix k, Matrix v, int n) {
        Matrix p = new(q.Rows, n, [], [.. Enumerable.Repeat(double.NegativeInfinity, q.Rows * n)]);
        double scale = 1 / Math.Sqrt(q.Columns);
        return q.Op(q.Rows, v.Columns, (y, i) => {
            for (int j = i - i % n; j <= i; j++) p.Row(i)[j % n] = scale * Dot(q.Row(i), k.Row(j));
            double sum = p.Value(i);
            for (int j = i - i % n; j <= i; j++) Add(p.Row(i)[j % n] = Math.Exp(p[i, j % n] - sum), v.Row(j), y.Row(i));
        }, (y, i) => {
            for (int j = i - i % n; j <= i; j++) {
                double s = scale * p[i, j % n] * (Dot(y.Grad(i), v.Row(j)) - Dot(y.Grad(i), y.Row(i)));
                Add(p[i, j % n], y.Grad(i), v.Grad(j));
                Add(s, k.Row(j), q.Grad(i));
                Add(s, q.Row(i), k.Grad(j));
            }
        });
    }
    // y += a·x, and x·y: as many numbers at a time as the processor takes, so a row that is not a multiple of that throws.
    static void Add(double a, Span<double> x, Span<double> y) {
        for (int i = 0; i < x.Length; i += V.Count) (new V(y[i..]) + a * new V(x[i..])).CopyTo(y[i..]);
    }
    static double Dot(Span<double> x, Span<double> y) {
        V sum = V.Zero;
        for (int i = 0; i < x.Length; i += V.Count) sum += new V(x[i..]) * new V(y[i..]);
        return System.Numerics.Vector.Sum(sum);
    }
}
