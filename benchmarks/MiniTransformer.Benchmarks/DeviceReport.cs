using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Backends.Gpu;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// Puts together what the steps of run.sh left in a folder: results.json for programs, results.md for people.
/// <code>report --device cuda --revision COMMIT --folder FOLDER</code>
/// </summary>
public static class DeviceReport
{
    /// <summary>Runs the command; returns the exit code.</summary>
    public static int Run(string[] args)
    {
        string folder = Arguments.Get(args, "--folder") ?? ".", device = Arguments.Get(args, "--device") ?? "auto";
        JsonArray steps = Lines(folder, "steps.jsonl"), kernels = Lines(folder, "kernels.jsonl");
        JsonArray throughput = [.. Directory.GetFiles(folder, "throughput-*.txt").Order(StringComparer.Ordinal)
            .SelectMany(file => Lines(folder, Path.GetFileName(file))).Select(line => line!.DeepClone())];
        string tests = Path.Combine(folder, "tests.json");
        var all = new JsonObject
        {
            ["device"] = DeviceOf(device),
            ["machine"] = Machine(Arguments.Get(args, "--revision")),
            ["steps"] = steps,
            ["tests"] = File.Exists(tests) ? JsonNode.Parse(File.ReadAllText(tests)) : null,
            ["kernels"] = kernels,
            ["throughput"] = throughput,
        };
        File.WriteAllText(Path.Combine(folder, "results.json"),
            all.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        File.WriteAllText(Path.Combine(folder, "results.md"), Markdown(folder, device, all));
        return 0;
    }

    private static JsonObject DeviceOf(string specification)
    {
        var json = new JsonObject { ["specification"] = specification };
        if (specification == "cpu") return json;
        using var context = new GpuContext();
        string wanted = specification.Contains(':') ? specification : specification + ":0";
        GpuDevice? device = context.Devices.FirstOrDefault(d => d.Specification == wanted);
        if (device is null) return json;
        json["name"] = device.Name;
        json["memory"] = device.Memory;
        json["driver"] = device.Driver;
        return json;
    }

    private static JsonObject Machine(string? revision) => new()
    {
        ["revision"] = revision,
        ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture),
        ["system"] = RuntimeInformation.OSDescription,
        ["processor"] = Processor(),
        ["cores"] = Environment.ProcessorCount,
        ["dotnet"] = RuntimeInformation.FrameworkDescription,
        ["ilgpu"] = typeof(ILGPU.Context).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
    };

    private static string Processor()
    {
        const string File = "/proc/cpuinfo", Key = "model name";
        string? line = System.IO.File.Exists(File)
            ? System.IO.File.ReadLines(File).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal))
            : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }

    private static string Markdown(string folder, string device, JsonObject all)
    {
        var text = new StringBuilder($"# Results on {all["device"]!["name"] ?? device}\n");
        foreach (string part in (string[])["device", "machine"])
        {
            text.Append('\n');
            foreach ((string key, JsonNode? value) in all[part]!.AsObject())
            {
                text.Append(CultureInfo.InvariantCulture, $"- {key}: {value}\n");
            }
        }

        Table(text, "Steps", all["steps"], [("step", "step"), ("exit code", "exit"), ("seconds", "seconds")]);
        if (all["tests"] is JsonNode tests)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\n## Tests\n\n{tests["Passed"]} passed, {tests["Failed"]} failed, {tests["Skipped"]} skipped\n");
            foreach (JsonNode? failure in tests["Failures"]!.AsArray())
            {
                text.Append(CultureInfo.InvariantCulture, $"- {failure!.ToString().ReplaceLineEndings(" ")}\n");
            }
        }

        Table(text, "Products and attention", all["kernels"],
            [("kernel", "Kernel"), ("size", "Size"), ("ms", "Milliseconds"), ("GFLOP/s", "GflopPerSecond")]);
        Table(text, "Training and sampling", all["throughput"],
            [("config", "config"), ("mode", "mode"), ("tokens/s", "tokens_per_s.median"), ("GFLOP/s", "gflop_per_s")]);
        Output(text, folder, "Variants of the product, GFLOP/s", "variants.txt");
        Output(text, folder, "devices", "devices.txt");
        Output(text, folder, $"demo --device {device}", "demo.txt");
        return text.ToString();
    }

    private static void Table(StringBuilder text, string title, JsonNode? rows, (string Title, string Path)[] columns)
    {
        text.Append(CultureInfo.InvariantCulture,
            $"\n## {title}\n\n| {string.Join(" | ", columns.Select(c => c.Title))} |\n|{string.Concat(columns.Select(_ => "---|"))}\n");
        foreach (JsonNode? row in rows!.AsArray())
            text.Append(CultureInfo.InvariantCulture,
                $"| {string.Join(" | ", columns.Select(c => Cell(c.Path.Split('.').Aggregate(row, (node, key) => node?[key]))))} |\n");
    }

    private static string Cell(JsonNode? value) => value switch
    {
        null => "",
        JsonValue v when v.TryGetValue(out int whole) => whole.ToString(CultureInfo.InvariantCulture),
        JsonValue v when v.TryGetValue(out double number) =>
            number.ToString(Math.Abs(number) < 100 ? "0.###" : "#,0", CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static void Output(StringBuilder text, string folder, string title, string name)
    {
        string file = Path.Combine(folder, name);
        if (File.Exists(file))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n```text\n{File.ReadAllText(file).TrimEnd()}\n```\n");
        }
    }

    // Lines that are JSON objects; a step that failed may have left others.
    private static JsonArray Lines(string folder, string name)
    {
        string file = Path.Combine(folder, name);
        return File.Exists(file) ? [.. File.ReadLines(file).Where(line => line.StartsWith('{')).Select(line => JsonNode.Parse(line))] : [];
    }
}
