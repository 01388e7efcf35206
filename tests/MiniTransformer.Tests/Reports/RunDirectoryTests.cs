using System.Text.Json;
using MiniTransformer.Cli.Runs;

namespace MiniTransformer.Tests.Reports;

public sealed class RunDirectoryTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("run-").FullName;

    private sealed record Settings(int Steps, double LearningRate, string[] Tasks);

    private sealed record Update(int Step, double Loss);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string MetricsFile => Path.Combine(folder, "metrics.jsonl");

    [Fact]
    public void A_folder_that_cannot_be_made_is_named_with_the_way_out()
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, "file"), inside = Path.Combine(file, "run");
        File.WriteAllText(file, "");
        string said = Assert.Throws<IOException>(() => RunDirectory.Create(inside, new { })).Message;
        Assert.StartsWith($"The folder '{inside}' cannot be made: ", said, StringComparison.Ordinal);
        Assert.EndsWith("Choose another one with --out.", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Configuration_and_metrics_come_back_as_written()
    {
        using (RunDirectory run = RunDirectory.Create(folder, new Settings(500, 2e-3, ["rev", "nxt"])))
        {
            run.Metrics.Append(new { step = 1, loss = 2.5, note = "r̂" });
            run.Metrics.Append(new { step = 2, loss = double.NaN });

            // Readers need not wait for the writer to end.
            Assert.Equal(2, RunDirectory.ReadMetrics(folder).Count);
        }

        Settings read = RunDirectory.ReadConfiguration<Settings>(folder);
        Assert.Equal((500, 2e-3), (read.Steps, read.LearningRate));
        Assert.Equal(["rev", "nxt"], read.Tasks);
        Assert.Equal("{\"step\":1,\"loss\":2.5,\"note\":\"r̂\"}\n{\"step\":2,\"loss\":\"NaN\"}\n", File.ReadAllText(MetricsFile));
    }

    [Fact]
    public void Two_writers_cannot_hold_one_run()
    {
        using (RunDirectory.Create(folder, new { }))
        {
            Assert.Contains("being written by another process", Assert.Throws<IOException>(() => RunDirectory.Open(folder)).Message);
        }

        RunDirectory.Open(folder).Dispose(); // free again
    }

    [PosixFact]
    public void A_folder_that_cannot_be_written_is_not_said_to_be_in_use()
    {
        RunDirectory.Create(folder, new { }).Dispose();
        string held = Path.Combine(folder, ".lock");
        File.Delete(held);
        File.CreateSymbolicLink(held, held); // a loop: opening it fails
        string message = Assert.Throws<IOException>(() => RunDirectory.Open(folder)).Message;
        Assert.StartsWith("Cannot write", message);
        Assert.DoesNotContain("another process", message);
    }

    [Fact]
    public void A_folder_with_a_run_is_not_overwritten()
    {
        RunDirectory.Create(folder, new { steps = 1 }).Dispose();
        Assert.Contains("--resume", Assert.Throws<IOException>(() => RunDirectory.Create(folder, new { steps = 2 })).Message);
        Assert.Equal(1, RunDirectory.ReadConfiguration<JsonElement>(folder).GetProperty("steps").GetInt32());
        RunDirectory.Open(folder).Dispose(); // the refusal left no lock
    }

    [Fact]
    public void A_folder_without_a_run_is_refused()
    {
        Assert.Contains("holds no run", Assert.Throws<IOException>(() => RunDirectory.Open(folder)).Message);
        Assert.Contains("does not exist", Assert.Throws<IOException>(() => RunDirectory.Open(Path.Combine(folder, "absent"))).Message);
    }

    [Fact]
    public void Truncation_drops_later_steps_and_a_torn_last_line()
    {
        RunDirectory.Create(folder, new { }).Dispose();
        File.WriteAllText(MetricsFile, "{\"step\":1}\n{\"event\":\"a\"}\n{\"step\":2}\n{\"step\":3}\n{\"event\":\"b\"}\n{\"step\":4,\"lo");
        using (RunDirectory run = RunDirectory.Open(folder))
        {
            run.Metrics.TruncateAfter(2);
            run.Metrics.Append(new Update(3, .5));
        }

        Assert.Equal("{\"step\":1}\n{\"event\":\"a\"}\n{\"step\":2}\n{\"step\":3,\"loss\":0.5}\n", File.ReadAllText(MetricsFile));
    }

    [Fact]
    public void A_torn_last_line_is_neither_read_nor_joined_to_the_next()
    {
        File.WriteAllText(MetricsFile, "{\"step\":1}\n{\"step\":2,\"lo");
        Assert.Single(RunDirectory.ReadMetrics(folder));
        using (var log = new MetricsLog(MetricsFile)) log.Append(new { step = 2 });
        Assert.Equal("{\"step\":1}\n{\"step\":2}\n", File.ReadAllText(MetricsFile));
    }

    [Fact]
    public void A_broken_line_in_the_middle_is_named()
    {
        File.WriteAllText(MetricsFile, "{\"step\":1}\n{\"step\":\n{\"step\":3}\n");
        Assert.Contains("metrics.jsonl:2:", Assert.Throws<InvalidDataException>(() => RunDirectory.ReadMetrics(folder)).Message);
    }

    [Fact]
    public void A_damaged_line_costs_that_line_and_is_said()
    {
        using (var log = new MetricsLog(MetricsFile))
        {
            for (int step = 1; step <= 4; step++) log.Append(new Update(step, .5));
        }

        byte[] good = File.ReadAllBytes(MetricsFile), sums = File.ReadAllBytes(MetricsLog.SumsOf(MetricsFile));
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << at % 7);
            File.WriteAllBytes(MetricsFile, bad);
            Check(bad[at] == (byte)'\n' || good[at] == (byte)'\n');
        }

        File.WriteAllBytes(MetricsFile, good);
        for (int at = 0; at < sums.Length; at += 5)
        {
            byte[] bad = [.. sums];
            bad[at] ^= 1;
            File.WriteAllBytes(MetricsLog.SumsOf(MetricsFile), bad);
            Check(sums[at] == (byte)'\n');
        }

        Assert.Throws<InvalidDataException>(() => RunDirectory.ReadMetrics(folder));
        using (var log = new MetricsLog(MetricsFile)) log.TruncateAfter(3, _ => { });
        Assert.Equal(3, RunDirectory.ReadMetrics(folder).Count); // the last hash is still damaged, and its line came after
        File.Delete(MetricsLog.SumsOf(MetricsFile));
        using (var log = new MetricsLog(MetricsFile)) log.Append(new Update(4, .5));
        Assert.Equal(4, RunDirectory.ReadMetrics(folder).Count);

        void Check(bool twoLines)
        {
            var said = new List<string>();
            IReadOnlyList<JsonElement> read = RunDirectory.ReadMetrics(folder, said.Add);
            Assert.InRange(read.Count, twoLines ? 2 : 3, 3);
            Assert.InRange(said.Count, 1, 3);
            Assert.All(said, s => Assert.Contains("left out", s));
        }
    }

    [Fact]
    public void Every_byte_of_the_configuration_counts_but_one_written_by_hand_is_read()
    {
        RunDirectory.Create(folder, new { steps = 12, name = "r̂" }).Dispose();
        string path = RunDirectory.ConfigurationPath(folder);
        byte[] good = File.ReadAllBytes(path);
        for (int at = 0; at < good.Length; at++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] bad = [.. good];
                bad[at] ^= (byte)(1 << bit);
                File.WriteAllBytes(path, bad);
                try
                {
                    JsonElement read = RunDirectory.ReadConfiguration<JsonElement>(folder);

                    // The name of the checksum itself has changed: whoever reads a record refuses what is no setting.
                    Assert.Equal(3, read.EnumerateObject().Count());
                }
                catch (IOException)
                {
                }
            }
        }

        File.WriteAllText(path, "{ \"steps\": 13 }");
        Assert.Equal(13, RunDirectory.ReadConfiguration<JsonElement>(folder).GetProperty("steps").GetInt32());
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("../other")]
    [InlineData("/etc")]
    [InlineData("a\\b")]
    public void Checkpoint_names_stay_in_the_folder(string name) =>
        Assert.Throws<ArgumentException>(() => RunDirectory.CheckpointPath(folder, name));

    [Fact]
    public void Checkpoints_and_report_lie_in_the_folder()
    {
        using RunDirectory run = RunDirectory.Create(Path.Combine(folder, "new", "deep"), new { });
        Assert.Equal(Path.Combine(folder, "new", "deep", "checkpoints", "step-400"), run.CheckpointPath("step-400"));
        run.SaveReport("<html>");
        Assert.Equal("<html>", File.ReadAllText(Path.Combine(folder, "new", "deep", "report.html")));
        Assert.Empty(Directory.GetFiles(Path.Combine(folder, "new", "deep"), "*.tmp"));
    }
}
