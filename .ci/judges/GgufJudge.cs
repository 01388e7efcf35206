using LLama;
using LLama.Common;
using LLama.Native;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Nn.Gguf;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Judging;

/// <summary>llama.cpp: loads what we export, computes our logits, reads texts as we do, and tells our story.</summary>
internal static class GgufJudge
{
    private const double Tolerance = 1e-3;

    /// <summary>Judges a random model of each family, a byte model, the real model, and each tokenizer.</summary>
    public static void Run(string tokenizers, string real, string temporary)
    {
        NativeLibraryConfig.All.WithLogCallback((level, message) =>
        {
            if (level >= LLamaLogLevel.Error) Console.Error.Write(message);
        });
        foreach (string name in FamilyCase.All.Keys)
        {
            string folder = Path.Combine(temporary, "family");
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            new FamilyCase(name).Write(folder);
            if (name == "gemma3, layer types") JudgeRefusal(name, folder, "layer_types");
            else if (name == "qwen2, window") JudgeRefusal(name, folder, "head_dim");
            else JudgeLogits(name, folder, [.. Enumerable.Range(0, 24).Select(i => i * 7 % 19)]);
        }

        string bytes = Path.Combine(temporary, "bytes");
        using (Device device = Device.Cpu(1))
        {
            var config = new TransformerConfig
            {
                VocabSize = new ByteTokenizer().VocabSize, HiddenSize = 32, IntermediateSize = 64, NumLayers = 2, NumHeads = 4,
                MaxPositions = 128,
                BeginId = ByteTokenizer.Begin, Ends = ByteTokenizer.End, PadId = ByteTokenizer.Pad,
            };
            using var model = new Transformer(config, ParameterSource.Random(device, seed: 1));
            Checkpoint.Save(bytes, model, new ByteTokenizer());
        }

        JudgeLogits("byte model", bytes, new ByteTokenizer().EncodeWhole("Hello, wörld 😀!"));
        JudgeTexts("byte model", bytes, 1000, allowed: 0);
        string stories = Path.Combine(real, "stories260K");
        if (!Directory.Exists(stories)) return;
        JudgeLogits("stories260K", stories, [1, 403, 407, 261, 378, 31, 5, 500]);
        JudgeStory(stories);
        JudgeTexts("stories260K", stories, 300, allowed: 3);
    }

    // What llama.cpp has no model for.
    private static void JudgeRefusal(string name, string folder, string field)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder, device);
        string refusal = "it was written";
        try
        {
            GgufModel.Write(Path.Combine(folder, "model.gguf"), model, null);
        }
        catch (NotSupportedException e)
        {
            refusal = e.Message;
        }

        Program.Report($"refusal of {name}", refusal.Contains(field), refusal);
    }

    private static void JudgeLogits(string name, string folder, int[] ids)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder, device);
        using var llama = new Llama(folder, model, ElementType.F32);
        ids = ids[..Math.Min(ids.Length, llama.Context)];
        using var tape = Tape.NoGrad(device);
        float[] ours = model.Forward(tape.Sequences(ids)).ToArray();
        float[] theirs = llama.Logits(ids);
        double worst = ours.Zip(theirs, (a, b) => Math.Abs((double)a - b)).Max(), largest = ours.Max(Math.Abs);

        // llama.cpp takes GELU from a table of float16, with 11 bits; what it computes with it is right to as many, whatever the logits'
        // size.
        bool table = model.Config.Form.Mlp is MlpKind.Gelu or MlpKind.GeGlu;
        Program.Report(
            $"logits of {name}", worst <= Tolerance * (table ? Math.Max(1, largest) : 1),
            $"{ids.Length} tokens, largest difference {worst:E1}, largest logit {largest:F1}");
    }

    private static void JudgeStory(string folder)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder, device);
        using var llama = new Llama(folder, model, ElementType.F32);
        ITokenizer tokenizer = Checkpoint.LoadTokenizer(folder, model.Config, out _)!;
        int[] prompt = tokenizer.EncodePrompt("Once upon a time");
        int[] ours = Sampler.Generate(model, [prompt], model.Config.Ends, SamplingOptions.Greedy with { MaxTokens = 200 })[0].Ids;
        int[] theirs = llama.Greedy(prompt, ours.Length);
        int same = ours.Zip(theirs).TakeWhile(pair => pair.First == pair.Second).Count();
        Program.Report("story of stories260K", same == ours.Length,
            $"{same} of {ours.Length} tokens: {tokenizer.DecodeContinuation(theirs)[..60]}…");
    }

    // llama.cpp has pieces with scores where the file has merges: on a few texts of a hard kind the two differ, in its own conversions too.
    private static void JudgeTexts(string name, string folder, int count, int allowed)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder, device);
        using var llama = new Llama(folder, model, ElementType.F32);
        ITokenizer tokenizer = Checkpoint.LoadTokenizer(folder, model.Config, out _)!;
        string[] texts = [.. HardTexts.Draw(count, seed: 2).Where(text => !text.Contains('\0'))];
        string[] differ = [.. texts.Where(text => !llama.Tokenize(text).SequenceEqual(tokenizer.EncodeWhole(text)))];
        Program.Report($"texts of {name}", differ.Length <= allowed, $"{differ.Length} of {texts.Length} differ from llama.cpp's ids"
            + (differ.Length == 0 ? "" : $", the first for {System.Text.Json.JsonSerializer.Serialize(differ[0])}"));
    }

    // A model of ours, exported and opened by llama.cpp.
    private sealed class Llama : IDisposable
    {
        private readonly string path = Path.Combine(Path.GetTempPath(), $"judged-{Guid.NewGuid():N}.gguf");
        private readonly LLamaWeights weights;
        private readonly LLamaContext context;
        private readonly int vocabulary;

        public Llama(string folder, Transformer model, ElementType type)
        {
            GgufModel.Write(path, model, Checkpoint.LoadTokenizer(folder, model.Config, out _), type);
            var parameters = new ModelParams(path)
            {
                ContextSize = 512, BatchSize = 512, UBatchSize = 512, GpuLayerCount = 0, Threads = 1, BatchThreads = 1,
                TypeK = GGMLType.GGML_TYPE_F32, TypeV = GGMLType.GGML_TYPE_F32, FlashAttention = false,
            };
            weights = LLamaWeights.LoadFromFile(parameters);
            context = weights.CreateContext(parameters);
            vocabulary = model.Config.VocabSize;
        }

        public int Context => weights.ContextSize;

        public float[] Logits(int[] ids)
        {
            context.NativeHandle.MemoryClear();
            var batch = new LLamaBatch();
            for (int t = 0; t < ids.Length; t++) batch.Add((LLamaToken)ids[t], t, LLamaSeqId.Zero, true);
            if (context.Decode(batch) != DecodeResult.Ok) throw new InvalidOperationException("llama.cpp: decode failed");
            return [.. Enumerable.Range(0, ids.Length).SelectMany(t => context.NativeHandle.GetLogitsIth(t).ToArray())];
        }

        public int[] Greedy(int[] prompt, int count)
        {
            float[] logits = Logits(prompt)[^vocabulary..];
            List<int> ids = [];
            while (true)
            {
                ids.Add(Array.IndexOf(logits, logits.Max()));
                if (ids.Count == count) return [.. ids];
                var batch = new LLamaBatch();
                batch.Add((LLamaToken)ids[^1], prompt.Length + ids.Count - 1, LLamaSeqId.Zero, true);
                if (context.Decode(batch) != DecodeResult.Ok) throw new InvalidOperationException("llama.cpp: decode failed");
                logits = context.NativeHandle.GetLogitsIth(0).ToArray();
            }
        }

        public IEnumerable<int> Tokenize(string text) => context.Tokenize(text, addBos: true, special: true).Select(token => (int)token);

        public void Dispose()
        {
            context.Dispose();
            weights.Dispose();
            File.Delete(path);
        }
    }
}
