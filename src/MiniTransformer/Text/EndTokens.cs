using System.Collections;

namespace MiniTransformer.Text;

/// <summary>
/// The tokens that end a response: none, one, or several as Llama 3 and Gemma have them. Sampling stops at any of them, and a response has
/// ended if its last token is one of them. The first is the one that is put after a demonstration's text.
/// </summary>
public sealed class EndTokens : IReadOnlyList<int>, IEquatable<EndTokens>
{
    private readonly int[] ids;

    /// <summary>These tokens, the first one first; what comes twice counts once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative.</exception>
    public EndTokens(params IEnumerable<int> ids)
    {
        this.ids = [.. ids.Distinct()];
        foreach (int id in this.ids) ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
    }

    /// <summary>No token ends a response: it runs to its longest length.</summary>
    public static EndTokens None { get; } = new();

    /// <summary>The token that is put after a demonstration's text, or null where there is none.</summary>
    public int? First => ids.Length > 0 ? ids[0] : null;

    /// <inheritdoc/>
    public int Count => ids.Length;

    /// <inheritdoc/>
    public int this[int index] => ids[index];

    /// <summary>One end token; a negative id stands for none.</summary>
    public static implicit operator EndTokens(int id) => id < 0 ? None : new EndTokens(id);

    /// <summary>Whether a token ends a response.</summary>
    public bool Contains(int id) => Array.IndexOf(ids, id) >= 0;

    /// <summary>Whether a response has ended: its last token is an end token.</summary>
    public bool HasEnded(ReadOnlySpan<int> response) => !response.IsEmpty && Contains(response[^1]);

    /// <summary>A response without the end token at its end, if it has one.</summary>
    public ReadOnlySpan<int> Body(ReadOnlySpan<int> response) => HasEnded(response) ? response[..^1] : response;

    /// <summary>Whether two responses say the same: the same tokens, and then an end token, whichever, in both or in neither.</summary>
    public bool SameResponse(ReadOnlySpan<int> a, ReadOnlySpan<int> b) => HasEnded(a) == HasEnded(b) && Body(a).SequenceEqual(Body(b));

    /// <summary>These tokens, then the others that are not among them.</summary>
    public EndTokens Union(EndTokens others) => others.All(Contains) ? this : new EndTokens(ids.Concat(others.ids));

    /// <summary>Whether the same tokens stand in the same order.</summary>
    public bool Equals(EndTokens? other) => other is not null && ids.AsSpan().SequenceEqual(other.ids);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as EndTokens);

    /// <inheritdoc/>
    public override int GetHashCode() => ids.Aggregate(ids.Length, HashCode.Combine);

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)ids).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => ids.GetEnumerator();

    /// <summary>Such as "261, 257".</summary>
    public override string ToString() => ids.Length == 0 ? "none" : string.Join(", ", ids);
}
