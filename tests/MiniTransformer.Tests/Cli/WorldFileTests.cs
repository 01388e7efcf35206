using System.Text.Json.Nodes;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Runs;
using MiniTransformer.IO;
using MiniTransformer.Lab;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Reports;

namespace MiniTransformer.Tests.Cli;

public sealed class WorldFileTests
{
    private static readonly Regime Regime = Regimes.Named("lazyshift");
    private static readonly WorldResult World = new(
        [.. SampleComparison.Cells([Regime], 1, 0)], SampleComparison.Facts([Regime], 1, 0)[0]);

    [Fact]
    public void What_was_saved_is_read_again()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(Load(folder));
        WorldFile.Save(folder.Path, Regime, 1, "lazyshift of today", World);
        WorldResult read = Load(folder)!;
        Assert.Equal(World.Results.Select(c => (c.Label, c.Greedy, c.Sampled, c.Kl)),
            read.Results.Select(c => (c.Label, c.Greedy, c.Sampled, c.Kl)));
        Assert.Equal(World.Results.Select(c => c.Role), read.Results.Select(c => c.Role)); // of the methods, not of the file
        Assert.DoesNotContain("role", File.ReadAllText(WorldFile.PathOf(folder.Path, Regime, 1)), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(World.Facts!.Advice.Action, read.Facts!.Advice.Action);
        Assert.Equal(World.Facts.Planted.Scores, read.Facts.Planted.Scores);
    }

    [Fact]
    public void What_the_version_before_wrote_of_a_sweep_is_passed_over()
    {
        using var folder = new TemporaryFolder();
        WorldFile.Save(folder.Path, Regime, 1, "lazyshift of today", World);
        string path = WorldFile.PathOf(folder.Path, Regime, 1);
        JsonObject earlier = SealedJson.Read(path);
        earlier["facts"]!["sweep"] = false;
        File.WriteAllText(path, SealedJson.Seal(earlier.ToJsonString()));
        Assert.Equal(World.Facts!.Planted.Scores, Load(folder)!.Facts!.Planted.Scores);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"cells": null, "facts": null}""")]
    [InlineData("""{"cells": [null], "facts": null}""")]
    [InlineData("""{"cells": [{"regime": "lazyshift", "seed": 1}], "facts": null}""")]
    [InlineData("""{"cells": [{"regime": "lazyshift", "seed": 2, "method": "SFT"}], "facts": null}""")]
    [InlineData("""{"cells": [{"regime": "noisy", "seed": 1, "method": "SFT"}], "facts": null}""")]
    [InlineData(
        """{"cells": [{"regime": "lazyshift", "seed": 1, "method": "SFT"}, {"regime": "lazyshift", "seed": 1, "method": "SFT"}], "facts": null}""")]
    [InlineData("""{"cells": [], "facts": {"regime": "lazyshift", "seed": 1, "sweep": false}}""")]
    [InlineData("""{"cells": [], "fac""")]
    public void A_damaged_file_is_refused_with_the_way_out(string text)
    {
        using var folder = new TemporaryFolder();
        string path = WorldFile.PathOf(folder.Path, Regime, 1);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        string message = Assert.Throws<IOException>(() => Load(folder)).Message;
        Assert.Contains("lazyshift-seed-1.json", message, StringComparison.Ordinal);
        Assert.Contains("delete it, and --resume computes its results again", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cells_of_other_settings_are_refused_and_unmarked_ones_where_nothing_else_vouches_for_them()
    {
        using var folder = new TemporaryFolder();
        WorldFile.Save(folder.Path, Regime, 1, "lazyshift smoke", World);
        Assert.Contains("belongs to lazyshift smoke, and this run is lazyshift of today",
            Assert.Throws<UsageException>(() => Load(folder)).Message, StringComparison.Ordinal);
        File.WriteAllText(WorldFile.PathOf(folder.Path, Regime, 1), """{"cells": [], "facts": null}""");
        Assert.Empty(Load(folder)!.Results);
        Assert.Contains(
            "does not say what it belongs to",
            Assert.Throws<UsageException>(() =>
                WorldFile.Load(folder.Path, Regime, 1, "lazyshift of today", unmarked: false, Methods.Of(Regime))).Message,
                    StringComparison.Ordinal);
    }

    [Fact]
    public void Every_byte_of_a_world_counts()
    {
        using var folder = new TemporaryFolder();
        WorldFile.Save(folder.Path, Regime, 1, "lazyshift of today", World with { Results = [World.Results[0]] });
        string path = WorldFile.PathOf(folder.Path, Regime, 1);
        byte[] good = File.ReadAllBytes(path);
        for (int at = 0; at < good.Length; at += Math.Max(1, Math.Min(7, good.Length - 120 - at)))
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << at % 7);
            File.WriteAllBytes(path, bad);
            Assert.Contains("cannot be read", Assert.Throws<IOException>(() => Load(folder)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_clock_goes_on_where_an_earlier_start_stopped()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(RunClock.Read(folder.Path));
        File.WriteAllText(folder["seconds.txt"], "100.5");
        Assert.Equal(100.5, RunClock.Read(folder.Path));
        var clock = new RunClock(folder.Path);
        Assert.Equal(100.5, RunClock.Read(folder.Path));
        clock.Save();
        // rounded to a tenth, and its checksum in the decimals after it
        Assert.InRange(RunClock.Read(folder.Path)!.Value, 100.5, clock.Seconds + .15);
        Assert.InRange(clock.Seconds, 100.5, 200);
        File.WriteAllText(folder["seconds.txt"], File.ReadAllText(folder["seconds.txt"]).Replace("100", "900", StringComparison.Ordinal));
        Assert.Null(RunClock.Read(folder.Path));
        Assert.Equal(double.NaN, new RunClock(folder.Path).Seconds);
    }

    private static WorldResult? Load(TemporaryFolder folder) =>
        WorldFile.Load(folder.Path, Regime, 1, "lazyshift of today", unmarked: true, Methods.Of(Regime));
}
