using MiniTransformer.Data;

namespace MiniTransformer.Cli.Runs;

/// <summary>Demonstrations that no end token closes: what learns from them never says that it is done.</summary>
internal static class OpenEnds
{
    /// <summary>
    /// Says how many demonstrations do not end, and which special token stands in the place of an end token, if one does.
    /// </summary>
    public static void Warn(IReadOnlyList<Example> demonstrations, Vocabulary vocabulary, Action<string> say)
    {
        Example[] open = [.. demonstrations.Where(e => !vocabulary.Ends.HasEnded(e.ResponseIds))];
        if (open.Length == 0 || vocabulary.Ends.Count == 0) return;
        int closing = Array.FindLastIndex(open[0].ResponseIds, id => vocabulary.Tokenizer?.IsSpecial(id) == true);
        string ends = string.Join(", ", vocabulary.Ends.Select(vocabulary.Show));
        string way = closing < 0
            ? "Close the response with it: in a chat template, after each message of the assistant; in completion_ids, as the last id."
            : $"The first of them closes with {vocabulary.Show(open[0].ResponseIds[closing])}: if that ends a turn, name it as one of "
                + "eos_token_id in config.json.";
        say($"Warning: {open.Length} of {demonstrations.Count} demonstrations do not end with an end token ({ends}), and a model that "
            + $"learns from them does not stop. {way}");
    }
}
