using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

/// <summary>Finite weights whose logits are not: the same error by every command, and no NaN with exit code 0.</summary>
public sealed class OverflowTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string huge, run;

    public OverflowTests()
    {
        (huge, run) = (folder["huge"], folder["run"]);
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "2", "--out", run]);
        string final = Path.Combine(run, "checkpoints", "final");
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(final, device);
        Parameter norm = model.Parameters.Single(p => p.Name == "model.norm.weight");
        norm.Set([.. norm.ToArray().Select(_ => 3e38f)]);
        Checkpoint.Save(huge, model, new ByteTokenizer());
        Checkpoint.Save(final, model, new ByteTokenizer());
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Range(0, 6).Select(i => $$"""{"prompt": "{{i}}", "completion": "b"}"""));
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("generate --model @huge --prompt a")]
    [InlineData("generate --model @huge --prompt a --temperature 0")]
    [InlineData("eval --run @huge --data @data.jsonl")]
    [InlineData("eval --run @run")]
    [InlineData("reward --policy @huge --reference @run/checkpoints/base --data @data.jsonl")]
    [InlineData("reward --policy @run/checkpoints/base --reference @huge --data @data.jsonl --json")]
    [InlineData("credit --policy @run/checkpoints/base --reference @huge --data @data.jsonl --out @credit.html")]
    [InlineData("credit --run @run --plant --reference base")]
    [InlineData("sft --base @huge --data @data.jsonl --steps 2 --evaluate-every 0 --out @sft")]
    [InlineData("dpr --run @run --reference base --updates 1 --evaluate-every 0 --out @dpr")]
    [InlineData("advise --run @run --references base")]
    public void Every_command_refuses_it_by_one_name(string line)
    {
        CliResult result = Cli.Run([.. line.Split(' ').Select(arg => arg.StartsWith('@') ? folder[arg[1..]] : arg), "--threads", "1"]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Matches("error: The logits of .* are not finite", result.Error);
        Assert.DoesNotContain("NaN", result.Out, StringComparison.Ordinal);
    }
}
