using System.Diagnostics;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.IO;

public sealed class ChecksumsTests
{
    private static readonly TransformerConfig Config = new()
    {
        VocabSize = 262,
        HiddenSize = 8,
        IntermediateSize = 8,
        NumLayers = 1,
        NumHeads = 1,
        MaxPositions = 8
    };

    [Fact]
    public void A_flipped_bit_in_any_file_of_a_checkpoint_is_noticed_by_name_when_it_is_resumed_from()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        using var optimizer = new AdamW(model.Parameters);
        string last = folder["last"];
        Checkpoint.Save(last, model, new ByteTokenizer(), optimizer, TrainerState.Sft(0, new SftOptions(), 4));
        Assert.Equal(0, Checkpoint.Resume(last, model, optimizer).Updates);
        foreach (string file in Directory.GetFiles(last))
        {
            byte[] good = File.ReadAllBytes(file);
            int regions = Math.Min(good.Length, Path.GetFileName(file) == Checksums.FileName ? good.Length : 24);
            for (int region = 0; region < regions; region++)
            {
                byte[] bad = [.. good];
                bad[(int)((long)region * good.Length / regions)] ^= (byte)(1 << region % 8);
                File.WriteAllBytes(file, bad);
                var refused = Assert.Throws<ChecksumException>(() => Checkpoint.Resume(last, model, optimizer));
                if (Path.GetFileName(file) != Checksums.FileName) Assert.Equal(file, refused.File);
                Assert.Contains("Put back a copy of the folder", refused.Message, StringComparison.Ordinal);
            }

            File.WriteAllBytes(file, good);
        }

        Assert.Equal(0, Checkpoint.Resume(last, model, optimizer).Updates);
    }

    [Fact]
    public void A_model_without_checksums_or_with_further_files_loads_and_a_missing_file_is_named()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        Checkpoint.Save(folder["model"], model, new ByteTokenizer());
        File.WriteAllText(folder["model/notes.txt"], "mine");
        Checkpoint.LoadModel(folder["model"], device).Dispose();
        File.Delete(folder["model/tokenizer.json"]);
        Assert.Contains(
            "tokenizer.json' is damaged: it is missing",
            Assert.Throws<ChecksumException>(() => Checkpoint.LoadModel(folder["model"], device)).Message, StringComparison.Ordinal);
        File.Delete(folder["model/SHA256SUMS"]);
        Checkpoint.LoadModel(folder["model"], device).Dispose();
        Assert.Null(Checksums.Read(folder["model"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("no hash  config.json\n")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 config.json\n")]
    [InlineData("E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  config.json\n")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  "
        + "a\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n")]
    public void Checksums_that_are_none_are_refused(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["SHA256SUMS"], text);
        Assert.Equal(folder["SHA256SUMS"], Assert.Throws<ChecksumException>(() => Checksums.Read(folder.Path)).File);
    }

    [PosixFact]
    public void The_program_sha256sum_reads_them()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["empty"], "");
        File.WriteAllText(folder["abc"], "abc");
        Checksums.Write(folder.Path);
        Assert.Equal(
            """
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty

            """, File.ReadAllText(folder["SHA256SUMS"]));
        if (!File.Exists("/usr/bin/sha256sum")) return; // the lines above are its format all the same
        using Process process =
            Process.Start(new ProcessStartInfo("/usr/bin/sha256sum",
                "--check --strict --quiet SHA256SUMS")
            { WorkingDirectory = folder.Path })!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public void A_weight_that_is_no_number_is_named_when_a_run_is_resumed()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        using var optimizer = new AdamW(model.Parameters);
        foreach ((string file, string tensor) in new[] { ("model.safetensors", "model.norm.weight"),
            ("optimizer.safetensors", "adamw.v.model.norm.weight") })
        {
            Checkpoint.Save(folder["last"], model, null, optimizer, TrainerState.Sft(0, new SftOptions(), 4));
            string path = Path.Combine(folder["last"], file);
            TensorData[] tensors;
            using (SafetensorsReader reader = SafetensorsReader.Open(path))
            {
                tensors = [.. reader.Entries.Values.Select(e =>
                    new TensorData(e.Name, e.Shape,
                        e.Name == tensor ? With(reader.ReadFloat32(e.Name), 3, float.NaN) : reader.ReadFloat32(e.Name)))];
            }

            SafetensorsWriter.Write(path, tensors);
            Checksums.Write(folder["last"]);
            string message = Assert.Throws<SafetensorsException>(() => Checkpoint.Resume(folder["last"], model, optimizer)).Message;
            Assert.Contains($"tensor '{tensor}': element 3 is NaN", message, StringComparison.Ordinal);
        }

        static float[] With(float[] values, int at, float value)
        {
            values[at] = value;
            return values;
        }
    }

    [Fact]
    public void A_checkpoint_that_is_replaced_meanwhile_is_read_whole()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using var one = new Transformer(Config, ParameterSource.Random(device, 1));
        using var two = new Transformer(Config, ParameterSource.Random(device, 2));
        Checkpoint.Save(folder["last"], one, null);
        using var done = new ManualResetEventSlim();
        var writer = new Thread(() =>
        {
            for (int i = 0; i < 60; i++) Checkpoint.Save(folder["last"], i % 2 == 0 ? two : one, null);
            done.Set();
        });
        writer.Start();
        float[][] possible = [one.Parameters[0].ToArray(), two.Parameters[0].ToArray()];
        try
        {
            for (int read = 0; read == 0 || !done.IsSet; read++)
            {
                using Transformer loaded = Checkpoint.LoadModel(folder["last"], device);
                Assert.Contains(loaded.Parameters[0].ToArray(), possible);
            }
        }
        finally
        {
            writer.Join();
        }
    }
}
