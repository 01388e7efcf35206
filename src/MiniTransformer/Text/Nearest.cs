namespace MiniTransformer.Text;

/// <summary>What somebody probably meant.</summary>
public static class Nearest
{
    /// <summary>" Did you mean 'X'?" for the known name nearest to what was typed; empty where none is near.</summary>
    public static string Hint(string typed, IEnumerable<string> known)
    {
        string? best = Of(typed, known);
        return best is null ? "" : $" Did you mean '{best}'?";
    }

    /// <summary>
    /// The known name nearest to what was typed, or null where none is near: at most a third of its letters, or 2, differ.
    /// </summary>
    public static string? Of(string typed, IEnumerable<string> known)
    {
        string? best = known.OrderBy(name => Distance(typed, name)).ThenBy(name => name.Length).FirstOrDefault();
        return best is not null && Distance(typed, best) <= Math.Max(2, best.TrimStart('-').Length / 3) ? best : null;
    }

    // Fewest insertions, deletions, replacements and exchanges of neighbours that turn a into b (optimal string alignment):
    // d(i,j) = min(d(i−1,j) + 1, d(i,j−1) + 1, d(i−1,j−1) + [aᵢ ≠ bⱼ], d(i−2,j−2) + 1 if aᵢ₋₁aᵢ = bⱼbⱼ₋₁)
    private static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[a.Length, b.Length];
    }
}
