// Lesson 12: seeds, intervals, and matched KL.
// "Method A is better than B" is a claim about runs that were not made. Three habits: several seeds with an interval; differences seed by
// seed, because a lucky world is lucky for both; and equal strength, because who walks farther from π_SFT wins or loses for that alone.
#:project ../MiniTransformer.Training/MiniTransformer.Training.csproj
using MiniTransformer.Tensors;
using MiniTransformer.Theory;

var mdp = new TokenMdp(vocabulary: 3, horizon: 3, endToken: 2);
Response[] leaves = [.. ResponseEnumeration.All(mdp)];
const int Seeds = 20;
const double StudentT = 2.093;                              // the 97.5% quantile of Student's t with 19 degrees of freedom

// ---- a world: some responses are right; checkpoints that learn it, and other things besides ----
(bool[] Right, double[][] Reference, double[][] Sft) World(int seed)
{
    var rng = new Rng((ulong)seed);
    bool[] right = [.. leaves.Select(_ => rng.NextUniform() < 0.3)];
    double[] habit = [.. leaves.Select(_ => 0.8 * rng.NextNormal())], learned = [.. habit.Select(h => h + 0.2 * rng.NextNormal())];
    return (right, Policy(i => habit[i] + (right[i] ? 0.2 : 0)), Policy(i => learned[i] + (right[i] ? 0.6 : 0)));
}

// The policy with π(y) ∝ exp score(y), token by token: soft backward induction on a reward that is paid at the end (lesson 4's values).
double[][] Policy(Func<int, double> score)
{
    double[][] reward = mdp.Table((_, _) => 0);
    for (int i = 0; i < leaves.Length; i++) reward[leaves[i].States[^1]][leaves[i].Tokens[^1]] = score(i);
    return SoftBellman.LogPolicy(SoftBellman.BackwardInduction(mdp, reward).Q);
}

// ---- two ways to walk away from π_SFT, of any strength: along r̂ (what DPR converges to), or towards what π_SFT finds likely anyway ----
double[][] AlongRHat((bool[] Right, double[][] Reference, double[][] Sft) w, double strength) =>
    Optimum(mdp.Table((s, a) => strength * (w.Sft[s][a] - w.Reference[s][a])), w.Sft);

double[][] Sharper((bool[] Right, double[][] Reference, double[][] Sft) w, double strength) =>
    Optimum(mdp.Table((s, a) => strength * w.Sft[s][a]), w.Sft);

double[][] Optimum(double[][] reward, double[][] prior)
{
    (double[][] q, _) = SoftBellman.BackwardInduction(mdp, reward, prior);
    return SoftBellman.LogPolicy([.. q.Select((row, s) => row.Zip(prior[s], (x, p) => x + p).ToArray())]);
}

double Accuracy(bool[] right, double[][] policy) =>
    leaves.Where((_, i) => right[i]).Sum(y => Math.Exp(ResponseEnumeration.LogProbability(policy, y)));

// ---- the strength at which a walk is exactly so many nats from π_SFT ----
double[][] At(Func<double, double[][]> walk, double[][] sft, double nats)
{
    double low = 0, high = 100;
    for (int i = 0; i < 60; i++)
    {
        double middle = (low + high) / 2;
        (low, high) = ResponseEnumeration.Kl(mdp, walk(middle), sft) < nats ? (middle, high) : (low, middle);
    }
    return walk(low);
}

double[] a = new double[Seeds], b = new double[Seeds], farA = new double[Seeds], farB = new double[Seeds];
Console.WriteLine("seed   π_SFT   along r̂   sharper      both at KL 0.2 nats from π_SFT");
for (int seed = 0; seed < Seeds; seed++)
{
    var world = World(seed);
    a[seed] = Accuracy(world.Right, At(s => AlongRHat(world, s), world.Sft, 0.2));
    b[seed] = Accuracy(world.Right, At(s => Sharper(world, s), world.Sft, 0.2));
    farA[seed] = ResponseEnumeration.Kl(mdp, AlongRHat(world, 1), world.Sft);
    farB[seed] = ResponseEnumeration.Kl(mdp, Sharper(world, 1), world.Sft);
    if (seed < 5) Console.WriteLine($"{seed,4}   {Accuracy(world.Right, world.Sft):F3}     {a[seed]:F3}     {b[seed]:F3}");
}

Print("along r̂", a);
Print("sharper", b);
Print("difference, seed by seed", [.. a.Zip(b, (x, y) => x - y)]);
Console.WriteLine($"better along r̂ on {a.Zip(b).Count(p => p.First > p.Second)} of {Seeds} seeds; one seed may be the other one");
Console.WriteLine($"at strength 1 the walks are {farA.Average():F2} and {farB.Average():F2} nats long: that would compare lengths");

void Print(string name, double[] x)
{
    double mean = x.Average(), deviation = Math.Sqrt(x.Sum(v => (v - mean) * (v - mean)) / (x.Length - 1));
    Console.WriteLine($"{name,-25} {mean:F3} ± {StudentT * deviation / Math.Sqrt(x.Length):F3}   (95% interval, {x.Length} seeds)");
}
