using System.CommandLine;
using System.Text;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;

namespace MiniTransformer.Cli.Commands;

/// <summary>
/// The completion of a command line as a script for a shell: what the parser knows, written out, so that completing starts no program.
/// </summary>
internal static class CompletionScript
{
    private const string Program = Invocation.Program;

    /// <summary>The shells.</summary>
    public static IReadOnlyList<string> Shells { get; } = ["bash", "zsh", "fish", "powershell"];

    /// <summary>The script for a shell.</summary>
    public static string Of(string shell, IReadOnlyList<Command> commands) => shell switch
    {
        "bash" => Bash(commands),
        "zsh" => Zsh(commands),
        "fish" => Fish(commands),
        _ => PowerShell(commands),
    };

    private static IEnumerable<Option> Options(Command command) => command.Options.Where(o => o is IFlag);

    private static string Words(IEnumerable<string> words) => string.Join(' ', words);

    private static string First(string? description) => (description ?? "").Split(['\n', ';', ':'])[0].Trim();

    private static IReadOnlyList<string> Values(Option option) => ((IFlag)option).Choices;

    private static string Bash(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder($$"""
            # bash completion of {{Program}}: source this file, or append it to ~/.bashrc
            _{{Program}}() {
                local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}"
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W "{{Words(commands.Select(c => c.Name))}} --help --version" -- "$cur"))
                    return
                fi
                case "$command $prev" in

            """);
        foreach (Command command in commands)
        {
            foreach (Option option in Options(command).Where(o => !((IFlag)o).IsSwitch))
            {
                string reply = Values(option).Count > 0 ? $"""COMPREPLY=($(compgen -W "{Words(Values(option))}" -- "$cur"))"""
                    : ((IFlag)option).IsPath ? """COMPREPLY=($(compgen -f -- "$cur"))""" : "COMPREPLY=()";
                text.Append($"        \"{command.Name} {option.Name}\") {reply}; return ;;\n");
            }
        }

        text.Append("    esac\n    local words=\"\"\n    case \"$command\" in\n");
        foreach (Command command in commands)
            text.Append($"        {command.Name}) words=\"{Words(Candidates(command))}\" ;;\n");
        text.Append("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n");
        text.Append($"complete -o filenames -F _{Program} {Program}\n");
        return text.ToString();
    }

    private static string Zsh(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder($$"""
            #compdef {{Program}}
            # zsh completion of {{Program}}: a file _{{Program}} in a folder of $fpath
            _{{Program}}() {
                local -a commands
                commands=(

            """);
        foreach (Command command in commands) text.Append($"        {Quoted($"{command.Name}:{First(command.Description)}")}\n");
        text.Append("""
                )
                if (( CURRENT == 2 )); then
                    _describe command commands
                    return
                fi
                shift words
                (( CURRENT-- ))
                case "$words[1]" in

            """);
        foreach (Command command in commands)
        {
            text.Append($"        {command.Name})\n            _arguments");
            foreach (Option option in Options(command))
            {
                var flag = (IFlag)option;
                string words = Values(option).Count > 0 ? $"({Words(Values(option))})" : flag.IsPath ? "_files" : "";
                string value = flag.IsSwitch ? "" : $":{option.HelpName ?? "value"}:{words}", repeats = flag.Repeats ? "*" : "";
                string what = First(option.Description).Replace("[", "\\[", StringComparison.Ordinal)
                    .Replace("]", "\\]", StringComparison.Ordinal);
                text.Append($" \\\n                {Quoted($"{repeats}{option.Name}[{what}]{value}")}");
            }

            if (Arguments(command) is { Count: > 0 } shells) text.Append($" \\\n                {Quoted($"1:shell:({Words(shells)})")}");
            text.Append("\n            ;;\n");
        }

        text.Append($"    esac\n}}\n\n# Loaded by its name at the first Tab, the file is to complete at once.\n");
        text.Append($"if [ \"${{funcstack[1]}}\" = _{Program} ]; then\n    _{Program} \"$@\"\nelse\n    compdef _{Program} "
            + $"{Program}\nfi\n");
        return text.ToString();
    }

    private static string Fish(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder($"# fish completion of {Program}: ~/.config/fish/completions/{Program}.fish\n");
        text.Append($"complete -c {Program} -f\n");
        foreach (Command command in commands)
        {
            text.Append($"complete -c {Program} -n __fish_use_subcommand -a {command.Name} -d {Quoted(First(command.Description))}\n");
            string of = $"complete -c {Program} -n '__fish_seen_subcommand_from {command.Name}'";
            foreach (Option option in Options(command))
            {
                var flag = (IFlag)option;
                string value = flag.IsSwitch ? "" : flag.IsPath ? " -r -F"
                    : Values(option).Count > 0 ? $" -x -a {Quoted(Words(Values(option)))}" : " -x";
                text.Append($"{of} -l {option.Name[2..]}{value} -d {Quoted(First(option.Description))}\n");
            }

            if (Arguments(command) is { Count: > 0 } words) text.Append($"{of} -a {Quoted(Words(words))}\n");
        }

        return text.ToString();
    }

    private static string PowerShell(IReadOnlyList<Command> commands)
    {
        var text = new StringBuilder($$"""
            # PowerShell completion of {{Program}}: append this to $PROFILE
            Register-ArgumentCompleter -Native -CommandName {{Program}} -ScriptBlock {
                param($wordToComplete, $commandAst, $cursorPosition)
                $flags = @{

            """);
        foreach (Command command in commands) text.Append($"        '{command.Name}' = '{Words(Candidates(command))}'\n");
        text.Append("    }\n    $values = @{\n");
        foreach (Command command in commands)
        {
            foreach (Option option in Options(command).Where(o => Values(o).Count > 0))
                text.Append($"        '{command.Name} {option.Name}' = '{Words(Values(option))}'\n");
        }

        text.Append("""
                }
                $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
                $done = if ($wordToComplete) { $words.Count - 1 } else { $words.Count }
                $before = "$($words[1]) $($words[$done - 1])"
                $candidates = if ($done -le 1) { $flags.Keys | Sort-Object }
                    elseif ($values.ContainsKey($before)) { $values[$before] -split ' ' }
                    elseif ($flags.ContainsKey($words[1])) { $flags[$words[1]] -split ' ' }
                $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
                }
            }

            """);
        return text.ToString();
    }

    // What may stand after a command.
    private static IEnumerable<string> Candidates(Command command) =>
        [.. Arguments(command), .. Options(command).Select(o => o.Name), "--help"];

    // The words that may stand without a flag.
    private static IReadOnlyList<string> Arguments(Command command) => command.Arguments.Count > 0 ? Shells : [];

    private static string Quoted(string text) => $"'{text.Replace("'", "’", StringComparison.Ordinal)}'";
}
