using System.CommandLine;
using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Cli.Commands;

/// <summary>tasks: what the built-in tasks are, and their data as JSONL.</summary>
internal sealed class TasksCommand
{
    private readonly Command command = new("tasks", "List the built-in tasks, or print their prompts and answers as JSONL.");
    private readonly CommonFlags common;
    private readonly Flag<string?> task = Flags.Text("--task", "print data of these tasks, separated by commas, or 'all'", "NAME,...");
    private readonly Flag<string> split = Flags.Choice(
        "--split", "which prompts", ["demonstrations", "reinforcement", "evaluation", "validation"], "demonstrations");
    private readonly Flag<int> count = Flags.Int("--count", "how many", 100, min: 1);
    private readonly Flag<double> good = Flags.Number("--good", "probability of a right answer; the others are lazy", 1, max: 1);
    private readonly Flag<bool> json = Flags.Switch("--json", "list the tasks as JSONL", saved: false);

    private TasksCommand() => common = new CommonFlags(command, "write to this file instead of standard output", "FILE");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var tasks = new TasksCommand();
        foreach (Option flag in new Option[] { tasks.task, tasks.split, tasks.count, tasks.good, tasks.json }) tasks.command.Add(flag);
        string[] examples =
        [
            "tasks",
            "tasks --task reverse --count 5",
            "tasks --task reverse,sort --count 1000 --split demonstrations --good 0.4 --seed 1 --out demonstrations.jsonl",
        ];
        return new CliCommand(tasks.command, tasks.common, examples, tasks.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        if (settings.Get(task) is { } names) WriteData(settings, names, results.Writer, terminal.Stop);
        else WriteList(settings, results.Writer);
        results.Keep();
        return ExitCode.Done;
    }

    private void WriteData(Settings settings, string names, TextWriter output, CancellationToken stop)
    {
        int n = settings.Get(count);
        ulong seed = settings.Get(common.Seed);

        // Parts are filled in this order, each disjoint from the earlier ones, which have the size that sft gives them.
        var sizes = new PromptSplitSizes();
        string part = settings.Get(split);
        sizes = part switch
        {
            "evaluation" => new PromptSplitSizes(n, 0, 0, 0),
            "validation" => sizes with { Validation = n, Reinforcement = 0, Demonstrations = 0 },
            "reinforcement" => sizes with { Reinforcement = n, Demonstrations = 0 },
            _ => sizes with { Demonstrations = n },
        };
        PromptSplits splits = DataSource.Split(names, seed, sizes, stop);
        IReadOnlyList<TaskPrompt> prompts = part switch
        {
            "evaluation" => splits.Evaluation,
            "validation" => splits.Validation,
            "reinforcement" => splits.Reinforcement,
            _ => splits.Demonstrations,
        };
        Example[] examples = stop.Await(() => DataSource.Demonstrate(prompts, settings.Get(good), new ByteTokenizer(), seed));
        for (int i = 0; i < examples.Length; i++)
            output.WriteLine(JsonSerializer.Serialize(new
            {
                prompt = examples[i].Prompt,
                completion = examples[i].Response,
                task = prompts[i].Task.Name
            }, RunDirectory.Json));
    }

    private void WriteList(Settings settings, TextWriter output)
    {
        var rows = BuiltIn.All.Select(t => (Task: t, Prompt: t.NewPrompt(new Rng(settings.Get(common.Seed))))).ToArray();
        if (settings.Get(json))
        {
            foreach ((ITask t, string prompt) in rows)
                output.WriteLine(JsonSerializer.Serialize(new
                {
                    name = t.Name,
                    description = t.Description,
                    prompt,
                    completion = t.Answer(prompt)
                }, RunDirectory.Json));
            return;
        }

        int name = rows.Max(row => row.Task.Name.Length), description = rows.Max(row => row.Task.Description.Length);
        foreach ((ITask t, string prompt) in rows)
        {
            output.WriteLine($"{t.Name.PadRight(name)}  {t.Description.PadRight(description)}  {prompt}{t.Answer(prompt)}");
        }
    }
}
