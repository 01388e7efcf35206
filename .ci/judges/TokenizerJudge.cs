using MiniTransformer.Text;

namespace MiniTransformer.Judging;

/// <summary>Hugging Face's own tokenizers: the same ids and the same text back, for every text and every tokenizer.</summary>
internal static class TokenizerJudge
{
    private const int Texts = 4000;

    /// <summary>Judges every tokenizer of a folder, and the byte tokenizer's own file.</summary>
    public static void Run(string folder, string temporary)
    {
        TokenizerFile.Save(new ByteTokenizer(), temporary);
        string bytes = Path.Combine(temporary, TokenizerFile.FileName);
        Judge("bytes", bytes, new ByteTokenizer());
        foreach (string file in Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal))
            Judge(Path.GetFileNameWithoutExtension(file), file, BpeTokenizer.Read(File.ReadAllBytes(file)));
    }

    private static void Judge(string name, string file, ITokenizer ours)
    {
        using var theirs = new Tokenizers.DotNet.Tokenizer(file);
        List<string> differ = [];
        foreach (string text in HardTexts.Draw(Texts, seed: 1))
        {
            uint[] wanted = theirs.Encode(text);
            int[] ids = [.. wanted.Select(id => (int)id)];
            if (!ours.EncodeWhole(text).AsSpan().SequenceEqual(ids) || ours.Decode(ids) != theirs.Decode(wanted)) differ.Add(text);
        }

        Program.Report($"ids and texts of {name}", differ.Count == 0,
            $"{differ.Count} of {Texts} differ from Hugging Face's"
                + (differ.Count == 0 ? "" : $", the first for {System.Text.Json.JsonSerializer.Serialize(differ[0])}"));
    }
}
