using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.IO;

namespace MiniTransformer.Tests.IO;

public sealed class ModelWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ElementType.BF16, 1f, 1f)]
    [InlineData(ElementType.BF16, 1.00390625f, 1f)] // a tie: to the even one
    [InlineData(ElementType.BF16, 1.01171875f, 1.015625f)] // a tie: to the even one
    [InlineData(ElementType.BF16, 1.0039064f, 1.0078125f)]
    [InlineData(ElementType.BF16, -3.3e38f, -3.297061e38f)]
    [InlineData(ElementType.BF16, 1e-40f, 9.1835e-41f)] // subnormal
    [InlineData(ElementType.F16, 1.0004883f, 1f)]
    [InlineData(ElementType.F16, 1.0014648f, 1.0019531f)]
    [InlineData(ElementType.F16, 65504f, 65504f)]
    [InlineData(ElementType.F16, 6e-8f, 5.9604645e-8f)]
    [InlineData(ElementType.F32, 1.0000001f, 1.0000001f)]
    public void Numbers_are_rounded_to_nearest_with_ties_to_even_and_read_back_exactly(ElementType type, float value, float expected)
    {
        Write([Tensor("x", type, value)]);
        using ITensorFile file = ModelWeights.Open(folder.Path);
        float read = Read(file, "x", 1)[0];
        Assert.Equal(expected, read, Math.Abs(expected) * 1e-3);
        Write([Tensor("x", type, read)]);
        using ITensorFile again = ModelWeights.Open(folder.Path);
        Assert.Equal(read, Read(again, "x", 1)[0]);
        if (type != ElementType.F32 && value is 1.00390625f or 1.0004883f) Assert.Equal(1f, read);
    }

    [Fact]
    public void Every_half_of_either_type_survives_a_round_trip()
    {
        foreach (ElementType type in (ElementType[])[ElementType.F16, ElementType.BF16])
        {
            ushort[] halves = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
            var values = new float[halves.Length];
            HalfPrecision.Widen(halves, values, type);
            var back = new ushort[halves.Length];
            HalfPrecision.Round(values, back, type);
            for (int i = 0; i < halves.Length; i++)
            {
                Assert.True(back[i] == halves[i] || float.IsNaN(values[i]), $"{type} {i:X4} → {values[i]} → {back[i]:X4}");
            }
            if (type == ElementType.BF16) Assert.Equal(1.0078125f, values[0x3F81]);
            else Assert.Equal(1.0009765625f, values[0x3C01]);
        }
    }

    [Theory]
    [InlineData(ElementType.F16, 65520f)]
    [InlineData(ElementType.BF16, 3.4e38f)]
    public void A_number_too_large_for_the_type_is_refused_by_name(ElementType type, float value)
    {
        IOException e = Assert.Throws<IOException>(() => Write([Tensor("w", type, 1, value)]));
        Assert.Contains("'w'", e.Message, StringComparison.Ordinal);
        Assert.Contains("float32", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void More_than_a_file_takes_is_cut_at_tensors_with_an_index()
    {
        WriteShards();
        Assert.Equal(
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
            Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
        JsonObject index = Index();
        Assert.Equal(24, index["metadata"]!["total_size"]!.GetValue<int>());
        Assert.Equal("model-00002-of-00002.safetensors", index["weight_map"]!["c"]!.GetValue<string>());
        using ITensorFile file = ModelWeights.Open(folder.Path);
        Assert.Equal([2f, 3f], Read(file, "b", 2));
        Assert.Equal([5f], Read(file, "c", 1, first: 1));
        Assert.Throws<SafetensorsException>(() => file.Entry("d"));
    }

    [Fact]
    public void A_wrong_total_size_is_passed_over()
    {
        WriteShards();
        Change(index => index["metadata"]!["total_size"] = 1);
        using ITensorFile file = ModelWeights.Open(folder.Path);
        Assert.Equal(3, file.Entries.Count);
    }

    [Theory]
    [InlineData("a file is missing", "model-00002-of-00002.safetensors")]
    [InlineData("the index names a tensor that no file has", "'d'")]
    [InlineData("the index leaves a tensor out", "'b'")]
    [InlineData("the index has a tensor in the wrong file", "'b'")]
    [InlineData("a tensor is in two files", "'b'")]
    [InlineData("a file elsewhere", "beside the index")]
    [InlineData("a number", "must name its file")]
    [InlineData("no map", "weight_map")]
    [InlineData("no JSON", "not valid JSON")]
    [InlineData("a file cut short", "model-00002-of-00002.safetensors")]
    public void An_index_that_lies_and_files_that_do_not_belong_to_it_are_refused_by_name(string what, string named)
    {
        WriteShards();
        string second = folder["model-00002-of-00002.safetensors"];
        switch (what)
        {
            case "a file is missing":
                File.Delete(second);
                break;
            case "the index names a tensor that no file has":
                Change(index => index["weight_map"]!["d"] = "model-00001-of-00002.safetensors");
                break;
            case "the index leaves a tensor out":
                Change(index => index["weight_map"]!.AsObject().Remove("b"));
                break;
            case "the index has a tensor in the wrong file":
                Change(index => index["weight_map"]!["b"] = "model-00002-of-00002.safetensors");
                break;
            case "a tensor is in two files":
                SafetensorsWriter.Write(second, [Tensor("c", ElementType.F32, 4, 5), Tensor("b", ElementType.F32, 2, 3)]);
                break;
            case "a file elsewhere":
                Change(index => index["weight_map"]!["b"] = "../model-00002-of-00002.safetensors");
                break;
            case "a number":
                Change(index => index["weight_map"]!["b"] = 2);
                break;
            case "no map":
                Change(index => index.Remove("weight_map"));
                break;
            case "no JSON":
                File.WriteAllText(folder["model.safetensors.index.json"], "{\"weight_map\": {");
                break;
            default:
                using (var stream = new FileStream(second, FileMode.Open)) stream.SetLength(stream.Length - 1);
                break;
        }

        Exception e = Assert.ThrowsAny<Exception>(() => ModelWeights.Open(folder.Path));
        Assert.True(e is SafetensorsException or FileNotFoundException, e.ToString());
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model-00001-of-00001.safetensors", "no model.safetensors.index.json")]
    [InlineData("pytorch_model.bin", "save_pretrained")]
    [InlineData("README.md", "holds config.json and model.safetensors")]
    public void A_folder_without_weights_says_what_is_there_instead(string file, string words)
    {
        File.WriteAllText(folder[file], "");
        Assert.Contains(words, Assert.Throws<FileNotFoundException>(() => ModelWeights.Open(folder.Path)).Message,
            StringComparison.Ordinal);
    }

    private static TensorData Tensor(string name, ElementType type, params float[] values) =>
        new(name, [values.Length], values) { Type = type };

    private static float[] Read(ITensorFile file, string name, int count, long first = 0)
    {
        var values = new float[count];
        file.ReadFloat32(name, first, values);
        return values;
    }

    private void Write(TensorData[] tensors) =>
        ModelWeights.Write(folder.Path, tensors, new Dictionary<string, string> { ["format"] = "pt" });

    private void WriteShards() => ModelWeights.Write(
        folder.Path, [Tensor("a", ElementType.F32, 0, 1), Tensor("b", ElementType.F32, 2, 3), Tensor("c", ElementType.F32, 4, 5)],
        new Dictionary<string, string> { ["format"] = "pt" }, shardBytes: 16);

    private JsonObject Index() => JsonNode.Parse(File.ReadAllText(folder["model.safetensors.index.json"]))!.AsObject();

    private void Change(Action<JsonObject> change)
    {
        JsonObject index = Index();
        change(index);
        File.WriteAllText(folder["model.safetensors.index.json"], index.ToJsonString());
    }
}
