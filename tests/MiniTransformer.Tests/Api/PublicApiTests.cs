using System.Reflection;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Api;

public class PublicApiTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "MiniTransformer.Tests", "Api");

    private static readonly Dictionary<string, Assembly> Packages = new()
    {
        ["MiniTransformer"] = typeof(Tensor).Assembly,
        ["MiniTransformer.Training"] = typeof(PlainLlama).Assembly,
    };

    public static TheoryData<string> Names => [.. Packages.Keys];

    [Theory, MemberData(nameof(Names))]
    public void What_a_package_shows_is_what_its_listing_says(string package)
    {
        string path = Path.Combine(Folder, package + ".txt"), actual = PublicApi.Of(Packages[package]);
        if (Environment.GetEnvironmentVariable("MINITRANSFORMER_WRITE_API") is "1") File.WriteAllText(path, actual);
        string[] listed = File.ReadAllText(path).ReplaceLineEndings("\n").Split('\n'), shown = actual.Split('\n');
        string[] gone = [.. listed.Except(shown).Take(10).Select(line => "- " + line)];
        string[] come = [.. shown.Except(listed).Take(10).Select(line => "+ " + line)];
        Assert.True(
            listed.SequenceEqual(shown),
            $"The public API of {package} has changed:\n{string.Join('\n', [.. gone, .. come])}\n"
            + "Make internal what no user needs. If the change is meant, run these tests once with MINITRANSFORMER_WRITE_API=1 in the "
            + $"environment and commit Api/{package}.txt.");
    }

    [Fact]
    public void Kernels_are_internal_but_for_pointwise_functions_and_the_form_of_a_product() => Assert.Equal(
        ["MiniTransformer.Kernels.Cpu.GemmForm"],
        PublicApi.Types(typeof(Tensor).Assembly).Select(t => t.FullName).Where(name =>
            name!.StartsWith("MiniTransformer.Kernels.", StringComparison.Ordinal)
                && !name.StartsWith("MiniTransformer.Kernels.Pointwise.", StringComparison.Ordinal)));

    // The lister itself: what it must tell apart.
    [Fact]
    public void The_listing_tells_kinds_members_and_signatures_apart()
    {
        string[] lines = PublicApi.Of(typeof(Tensor).Assembly).Split('\n');
        Assert.Contains("struct MiniTransformer.Tensors.Tensor", lines);
        Assert.Contains("  bool NeedsGrad { get; }", lines);
        Assert.Contains("enum MiniTransformer.Kernels.Cpu.GemmForm", lines);
        Assert.Contains("interface MiniTransformer.Autograd.IBackward", lines);
        Assert.Contains("sealed class MiniTransformer.Autograd.Tape : TensorOwner, IDisposable", lines);
        Assert.Contains("  Tensor New(Shape shape, ReadOnlySpan<Tensor> inputs)", lines);
        Assert.Contains("  static Tensor Softmax(this Tensor x)", lines);
        Assert.DoesNotContain(lines, line => line.Contains("IsLive", StringComparison.Ordinal)); // internal
    }
}
