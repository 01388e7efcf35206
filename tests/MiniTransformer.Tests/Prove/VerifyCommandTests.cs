using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Commands;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Prove;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Nn;
using MiniTransformer.Tests.Cli;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Theory;
using MiniTransformer.Training;
using CommandLineRun = MiniTransformer.Tests.Cli.Cli;

namespace MiniTransformer.Tests.Prove;

public sealed class VerifyCommandTests
{
    private static readonly string[] Fields =
        ["number", "statement", "nearestFalse", "cases", "largestError", "tolerance", "controlError", "failure", "holds", "verdict"];

    [Fact]
    public void Every_statement_is_a_JSON_line_and_all_hold()
    {
        CliResult result = CommandLineRun.Run("verify", "--cases", "100", "--json");
        Assert.Equal(ExitCode.Done, result.Code);
        string[] numbers = [.. Identities.All.Select(identity => identity.Number), "T1", "T2", "T3", "T4", "T5", "T6", "T7a", "T7b"];
        Assert.Equal(numbers, result.Json.Select(row => row.GetProperty("number").GetString()));
        foreach (JsonElement row in result.Json)
        {
            Assert.Equal(Fields, row.EnumerateObject().Select(p => p.Name));
            Assert.True(row.GetProperty("holds").GetBoolean(), $"{row}");
            Assert.True(row.GetProperty("largestError").GetDouble() <= row.GetProperty("tolerance").GetDouble());
            Assert.True(row.GetProperty("controlError").GetDouble() > row.GetProperty("failure").GetDouble());
            Assert.True(row.GetProperty("failure").GetDouble() >= row.GetProperty("tolerance").GetDouble());
        }
    }

    [Fact]
    public void The_table_has_every_number_once_and_fits_a_screen_of_90_columns()
    {
        CliResult result = CommandLineRun.Done("verify", "--cases", "100");
        string[] lines = result.Out.Split('\n');
        Assert.All(lines, line => Assert.True(new StringInfo(line).LengthInTextElements <= 90, line));
        Assert.All(Identities.All, identity =>
            Assert.Single(lines, line => line.StartsWith(identity.Number + " ", StringComparison.Ordinal)));
        Assert.Contains("35 of 35 statements hold.", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broken_formula_is_exit_code_1_and_is_named()
    {
        CliResult result = RunWith(BrokenFormulas.All["V(s_0) added"].Formulas, "--cases", "100");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("33 of 35 statements hold.", result.Out, StringComparison.Ordinal);
        Assert.Contains("T1 fails: J(Q_θ) = −L_SFT(θ) has an error of ", result.Error, StringComparison.Ordinal);
        Assert.Contains("T2 fails: ", result.Error, StringComparison.Ordinal);

        result = RunWith(BrokenFormulas.All["V(s_0) added"].Formulas, "--cases", "100", "--json");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Equal(["T1", "T2"], result.Json.Where(row => !row.GetProperty("holds").GetBoolean())
            .Select(row => row.GetProperty("number").GetString()));
    }

    [Fact]
    public void An_error_that_is_not_a_number_is_valid_JSON()
    {
        var row = new ProofRow("T0", "s", "f", 1, double.NaN, 1, 2, 1);
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(ProofTable.ToJson(row));
        Assert.Equal("NaN", json.GetProperty("largestError").GetString());
        Assert.False(json.GetProperty("holds").GetBoolean());
    }

    [Fact]
    public void T1_to_T4_are_checked_on_a_model_and_examples_that_are_given()
    {
        using var folder = new TemporaryFolder();
        Save(folder);
        string[] command = ["verify", "--cases", "100", "--policy", folder["policy"], "--data", folder["data.jsonl"]];
        CliResult result = CommandLineRun.Done([.. command, "--reference", folder["reference"], "--json"]);
        JudgedRow[] rows = [.. result.Json.Select(JudgedRow.Of)];
        Assert.Equal(35, rows.Length);

        // 20 examples in batches of six.
        Assert.All(rows.Where(row => row.Number is "T1" or "T2" or "T3" or "T4"), row => Assert.Equal((4, true), (row.Cases, row.Holds)));

        // Without π_ref there is no r̂.
        result = CommandLineRun.Done([.. command, "--json"]);
        Assert.Equal(rows.Select(row => row.Number).Where(number => number != "T4"), result.Json.Select(row => JudgedRow.Of(row).Number));
        Assert.Contains("and 20 examples of ", CommandLineRun.Done(command).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_as_its_own_reference_shows_nothing()
    {
        using var folder = new TemporaryFolder();
        Save(folder);
        CliResult result = CommandLineRun.Run(
            "verify", "--cases", "100", "--policy", folder["policy"], "--reference", folder["policy"], "--data", folder["data.jsonl"]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("T4 shows nothing: its nearest false statement (π_SFT and π_ref swapped)", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--data and --reference need --policy", "--data", "x.jsonl")]
    [InlineData("--data and --reference need --policy", "--reference", "half")]
    [InlineData("--policy needs --data", "--policy", "x")]
    [InlineData("--cases: 5 is too small", "--cases", "5")]
    public void Flags_that_do_not_fit_are_bad_usage(string expected, params string[] flags)
    {
        CliResult result = CommandLineRun.Run(["verify", .. flags]);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Out);
    }

    [Fact]
    public void Ctrl_C_stops_it_without_results()
    {
        CliResult result = CommandLineRun.RunStopped("verify");
        Assert.Equal((ExitCode.Interrupted, ""), (result.Code, result.Out));
    }

    [Fact]
    public void The_help_has_examples() =>
        Assert.Contains("verify --policy runs/sft --reference half --data demos.jsonl", CommandLineRun.Done("verify", "--help").Out,
            StringComparison.Ordinal);

    private static void Save(TemporaryFolder folder)
    {
        using Device device = Device.Cpu(1);
        using Transformer policy = Models.Random(device, Models.Odd, seed: 1), reference = Models.Random(device, Models.Odd, seed: 2);
        Checkpoint.Save(folder["policy"], policy, null);
        Checkpoint.Save(folder["reference"], reference, null);
        File.WriteAllLines(folder["data.jsonl"], Models.Examples(20, Models.Odd.VocabSize, seed: 3).Select(e =>
            $$"""{"prompt_ids": [{{string.Join(", ", e.PromptIds)}}], "completion_ids": [{{string.Join(", ", e.ResponseIds)}}]}"""));
    }

    private static CliResult RunWith(Formulas formulas, params string[] flags)
    {
        using StringWriter output = new(), error = new();
        CliCommand verify = VerifyCommand.Create(formulas);
        ParseResult parsed = verify.Command.Parse(flags);
        int code = verify.Run(new Settings(verify.Command, parsed, new HashSet<string>()),
            new Terminal(output, error, Stream.Null, CancellationToken.None));
        return new CliResult(code, output.ToString(), error.ToString());
    }

    private sealed record JudgedRow(string Number, int Cases, bool Holds)
    {
        public static JudgedRow Of(JsonElement row) =>
            new(row.GetProperty("number").GetString()!, row.GetProperty("cases").GetInt32(), row.GetProperty("holds").GetBoolean());
    }
}
