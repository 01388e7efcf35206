using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class FlippedBitTests
{
    private static readonly string[] Fast = ["--threads", "1", "--evaluate-every", "2"];

    [Fact]
    public void A_bit_that_flips_anywhere_in_a_run_is_noticed_or_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        string sft = folder["sft"], dpr = folder["dpr"], data = folder["own.jsonl"];
        File.WriteAllLines(data, Enumerable.Range(0, 12).Select(i => $$"""{"prompt": "{{i}}: ", "completion": "{{i % 3}}"}"""));
        Cli.Done(["sft", "--data", data, "--steps", "4", "--held-out", "0.2", "--keep-at", "none", "--hidden", "8", "--layers", "1",
            "--heads", "1", "--batch", "4", "--out", sft, .. Fast]);
        Cli.Done(["dpr", "--run", sft, "--reference", "base", "--updates", "4", "--prompts-per-update", "4", "--out", dpr, .. Fast]);

        Sweep(sft, ["eval", "--run", sft, "--checkpoint", "all", "--json"], ["sft", "--out", sft, "--resume"],
            ["eval", "--run", dpr, "--json"]);
        Sweep(dpr, ["eval", "--run", dpr, "--json"], ["dpr", "--out", dpr, "--resume"]);

        void Sweep(string run, params string[][] commands)
        {
            string[] whole = [.. commands.Select(command => Cli.Done(command).Out)];
            (string Path, byte[] Bytes)[] good =
            [
                .. Directory.GetFiles(run, "*", SearchOption.AllDirectories)
                .Where(file => Path.GetFileName(file) is not (".lock" or "report.html"))
                    .Select(file => (file, File.ReadAllBytes(file))),
            ];
            Assert.True(good.Length > 10);
            int noticed = 0;
            for (int i = 0; i < good.Length; i++)
            {
                (string path, byte[] bytes) = good[i];
                byte[] bad = [.. bytes];
                bad[i % 2 == 0 ? bytes.Length / 2 : bytes.Length - 2 - i] ^= (byte)(1 << i % 7);
                for (int c = 0; c < commands.Length; c++)
                {
                    File.WriteAllBytes(path, bad);
                    CliResult result = Cli.Run(commands[c]);
                    bool said = result.Code != ExitCode.Done
                        ? result.Error.Contains("error: ", StringComparison.Ordinal)
                        : result.Error.Contains("warning: ", StringComparison.Ordinal);
                    Assert.True(said || (result.Code == ExitCode.Done && result.Out == whole[c]),
                        $"{path}, byte {i}: {string.Join(' ', commands[c])} says nothing: {result.Error}");
                    Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
                    if (said) noticed++;
                    // a resumed run may have written some again
                    foreach ((string file, byte[] content) in good) File.WriteAllBytes(file, content);
                }
            }

            Assert.True(noticed >= good.Length / 2, $"{noticed} of {good.Length}");
        }
    }
}
