using System.Xml.Linq;

namespace MiniTransformer.Tests;

public class LayeringTests
{
    private static readonly string Root = Repository.Root;

    [Fact]
    public void No_source_file_imports_what_its_layer_may_not()
    {
        var breaches = new List<string>();
        int files = 0;
        foreach ((string layer, string folder) in Layering.Folders)
        {
            foreach (string path in Sources(Path.Combine(Root, folder)))
            {
                files++;
                breaches.AddRange(Layering.Breaches(layer, Path.GetRelativePath(Root, path).Replace('\\', '/'), File.ReadAllText(path)));
            }
        }

        Assert.True(breaches.Count == 0, string.Join('\n', breaches));
        Assert.True(files > 100, $"only {files} files were found below {Root}");
    }

    [Fact]
    public void Every_folder_of_a_room_is_a_layer_with_rules()
    {
        foreach ((string room, string[] layers) in Layering.FoldersOfRooms)
        {
            string folder = Path.Combine(Root, room);
            Assert.Equal(layers.Order(), Directory.GetDirectories(folder).Select(f => Path.GetFileName(f)!).Except(["bin", "obj"]).Order());
            Assert.Empty(Directory.GetFiles(folder, "*.cs"));
        }
    }

    [Fact]
    public void There_are_three_rooms_and_a_project_references_only_what_lies_below()
    {
        Dictionary<string, string[]> references = Projects().ToDictionary(
            path => Path.GetFileNameWithoutExtension(path),
            path => XDocument.Load(path).Descendants("ProjectReference")
                .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/'))).ToArray());
        Assert.Empty(references["MiniTransformer"]);
        Assert.Equal(["MiniTransformer"], references["MiniTransformer.Training"]);
        Assert.Equal(["MiniTransformer.Training"], references["MiniTransformer.Lab"]);
        Assert.Equal(["MiniTransformer.Lab"], references["MiniTransformer.Cli"]);
    }

    [Fact]
    public void No_product_shows_its_internals_to_another_and_the_stack_needs_ILGPU_alone()
    {
        foreach (string path in Projects())
        {
            var project = XDocument.Load(path);
            Assert.All(project.Descendants("InternalsVisibleTo"), friend =>
                Assert.Contains(friend.Attribute("Include")!.Value,
                    (string[])["MiniTransformer.Tests", "MiniTransformer.Benchmarks", "ILGPURuntime"]));
            if (Path.GetFileNameWithoutExtension(path) is "MiniTransformer" or "MiniTransformer.Training")
            {
                // what only the build needs
                Assert.All(project.Descendants("PackageReference").Where(p => p.Attribute("PrivateAssets")?.Value != "all"), package =>
                    Assert.StartsWith("ILGPU", package.Attribute("Include")!.Value, StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [InlineData("Tensors", "using MiniTransformer.Ops;", "Ops")]
    [InlineData("Tensors", "class A { object b = MiniTransformer.Autograd.Tape.Of; }", "Autograd")]
    [InlineData("Backends", "class A { object b = Nn.Transformer.X; }", "Nn")]
    [InlineData("Ops", "global using MiniTransformer.Nn;", "Nn")]
    [InlineData("Optim", "using static MiniTransformer.Training.Sft;", "Training")]
    [InlineData("Training", "using T = MiniTransformer.Theory.TokenMdp;", "Theory")]
    [InlineData("Cli", "using MiniTransformer.Theory;", "Theory")]
    [InlineData("Theory", "using MiniTransformer.Tensors;", "Tensors")]
    [InlineData("Data", "using MiniTransformer.Tensors; class A { Tensor t; }", "Tensors")]
    [InlineData("Data", "using MiniTransformer.Nn;", "Nn")]
    [InlineData("Text", "using MiniTransformer.Data;", "Data")]
    [InlineData("IO", "using MiniTransformer.Nn;", "Nn")]
    [InlineData("Kernels", "using MiniTransformer.Backends;", "Backends")]
    [InlineData("Kernels", "using Spectre.Console;", "Spectre.Console")]
    [InlineData("Nn", "using ILGPU;", "ILGPU")]
    [InlineData("Training", "using MiniTransformer.Lab;", "Lab")]
    [InlineData("Data", "using MiniTransformer.Judges;", "Judges")]
    public void A_breach_is_found(string layer, string source, string imported) =>
        Assert.Contains($"file.cs: {layer} imports {imported}", Layering.Breaches(layer, "file.cs", source));

    [Theory]
    [InlineData("Ops", "using MiniTransformer.Kernels.Cpu; using MiniTransformer.Backends;")]
    [InlineData("Cli", "using Spectre.Console; using MiniTransformer.Nn;")]
    [InlineData("Data", "using MiniTransformer.Tensors; class A { Rng r; }")]
    [InlineData("Text", "// as MiniTransformer.Training.Sft does\nclass A { string s = \"MiniTransformer.Nn\"; }")]
    [InlineData("Nn", "using MiniTransformer.Tensors; class A { float u = Rng.UniformAt(1, 2, 3); }")]
    [InlineData("IO", "using Microsoft.Win32.SafeHandles;")]
    [InlineData("Kernels", "using ILGPU.Runtime; using System.Numerics;")]
    public void What_is_allowed_or_only_talked_about_is_no_breach(string layer, string source) =>
        Assert.Empty(Layering.Breaches(layer, "file.cs", source));

    [Theory]
    [InlineData("Cli/Commands/VerifyCommand.cs")]
    [InlineData("Cli/Prove/Proof.cs")]
    public void The_command_that_verifies_the_theory_may_use_it(string path) =>
        Assert.Empty(Layering.Breaches("Cli", path, "using MiniTransformer.Theory;"));

    [Fact]
    public void No_namespace_of_the_tool_is_in_a_cycle()
    {
        string[] sources = [.. Sources(Path.Combine(Root, "src/MiniTransformer.Cli")).Select(File.ReadAllText)];
        Assert.True(sources.Length > 50, $"only {sources.Length} files were found");
        Assert.Empty(Layering.Cycles("MiniTransformer.Cli", sources));
    }

    [Theory]
    [InlineData("using Cli.B;\nnamespace Cli.A;\nclass One { Two two; }", "using Cli.A;\nnamespace Cli.B;\nclass Two { One one; }",
        "Cli.A, Cli.B")]
    [InlineData("namespace Cli.A;\nclass One { B.Two two; }", "namespace Cli.B;\nclass Two { A.One one; }", "Cli.A, Cli.B")]
    // the namespace around it
    [InlineData("using Cli.A;\nnamespace Cli;\nclass Program { One one; }", "namespace Cli.A;\nclass One { int x = Program.Done; }",
        "Cli, Cli.A")]
    [InlineData("using Cli.B;\nnamespace Cli.A;\nclass One { Two two; }",
        "using Cli.A;\nnamespace Cli.B;\nclass Two { /* One */ string s = \"One\"; int o = flag.One; }", null)]
    public void A_cycle_is_found(string one, string two, string? cycle) =>
        Assert.Equal(cycle is null ? [] : [cycle], Layering.Cycles("Cli", [one, two]));

    private static IEnumerable<string> Projects() => Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories);

    private static IEnumerable<string> Sources(string folder) => Directory.Exists(folder)
        ? Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
        .Where(p => !p.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
        : [];
}
