using System.Runtime.CompilerServices;

namespace MiniTransformer.Tests;

public class LayeringTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Here(), "..", ".."));

    [Fact]
    public void No_source_file_imports_what_its_layer_may_not()
    {
        var breaches = new List<string>();
        int files = 0;
        foreach ((string layer, string folder) in Folders())
        {
            foreach (string path in Sources(folder))
            {
                files++;
                breaches.AddRange(Layering.Breaches(layer, Path.GetRelativePath(Root, path).Replace('\\', '/'), File.ReadAllText(path)));
            }
        }

        Assert.True(breaches.Count == 0, string.Join('\n', breaches));
        Assert.True(files > 100, $"only {files} files were found below {Root}");
    }

    [Fact]
    public void Every_folder_of_the_library_is_a_layer_with_rules()
    {
        string[] folders = [.. Directory.GetDirectories(Path.Combine(Root, "src", "MiniTransformer")).Select(f => Path.GetFileName(f)!).Except(["bin", "obj"])];
        Assert.All(folders, folder => Assert.Contains(folder, Layering.Layers));
        Assert.Empty(Directory.GetFiles(Path.Combine(Root, "src", "MiniTransformer"), "*.cs"));
    }

    [Fact]
    public void There_are_five_projects_and_they_reference_only_what_lies_below()
    {
        string[] projects = [.. Directory.GetFiles(Root, "*.csproj", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        Assert.Equal(
            [
                "MiniTransformer.Benchmarks", "MiniTransformer.Kernels", "MiniTransformer.Cli", "MiniTransformer", "MiniTransformer.Tests",
            ],
            projects.Select(Path.GetFileNameWithoutExtension));
        Assert.Empty(References("MiniTransformer.Kernels"));
        Assert.Equal(["MiniTransformer.Kernels"], References("MiniTransformer"));
        Assert.Equal(["MiniTransformer"], References("MiniTransformer.Cli"));

        IEnumerable<string> References(string project) =>
            System.Xml.Linq.XDocument.Load(projects.Single(p => Path.GetFileNameWithoutExtension(p) == project)).Descendants("ProjectReference")
                .Select(r => r.Attribute("Include")!.Value.Replace('\\', '/').Split('/')[^1].Replace(".csproj", ""));
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
    [InlineData("Training", "using MiniTransformer.Reports;", "Reports")]
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
    [InlineData("Cli/Verification/Proof.cs")]
    public void The_command_that_verifies_the_theory_may_use_it(string path) =>
        Assert.Empty(Layering.Breaches("Cli", path, "using MiniTransformer.Theory;"));

    private static IEnumerable<(string Layer, string Folder)> Folders() =>
    [
        ("Kernels", Path.Combine(Root, "kernels")),
        ("Cli", Path.Combine(Root, "src", "MiniTransformer.Cli")),
        .. Layering.Layers.Except(["Kernels", "Cli"]).Select(layer => (layer, Path.Combine(Root, "src", "MiniTransformer", layer))),
    ];

    private static IEnumerable<string> Sources(string folder) => Directory.Exists(folder)
        ? Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories).Where(p => !p.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
        : [];

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
