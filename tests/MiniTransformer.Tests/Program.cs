using System.Text.Json;
using MiniTransformer.Tests.Runner;

// The tests as a program, for machines without the .NET SDK:
//   MiniTransformer.Tests [--device cpu|opencl|cuda] [--name TEXT] [--json FILE]
// With --device only the rows of that device run, and it is a failure if it is absent; with --name only tests whose name contains the text.
string? Get(string flag)
{
    int at = Array.IndexOf(args, flag);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}

string? device = Get("--device")?.Split(':')[0], name = Get("--name"), file = Get("--json");
if (device is "cuda" or "opencl") Environment.SetEnvironmentVariable("MINITRANSFORMER_REQUIRE", device);
TestRun run = TestRun.Of(
    typeof(TestRun).Assembly,
    test => (device is null || DeviceRow.IsOf(test, device))
        && (name is null || test.DisplayName.Contains(name, StringComparison.Ordinal)));
if (file is not null) File.WriteAllText(file, JsonSerializer.Serialize(run));
Console.WriteLine($"{run.Passed} passed, {run.Failed} failed, {run.Skipped} skipped");
return run.Failed == 0 && run.Passed > 0 ? 0 : 1;
