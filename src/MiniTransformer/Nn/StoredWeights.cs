using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn.Families;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>Between a model's parameters and the tensors of its files: names and layout are the family's, the type is the
/// file's.</summary>
internal static class StoredWeights
{
    /// <summary>Elements that are on their way at a time: beside the weights themselves, loading takes no more than that.</summary>
    public const int Piece = 1 << 20;

    // Rows of a matrix are written in multiples of this, which backends may lay out together.
    private const int RowsTogether = 64;

    // In a file that holds float32 for the sake of training, the types that the weights came in: what they are written in when it is done.
    private const string CameAs = "came_as";

    /// <summary>The name under which a file has a tensor, or null.</summary>
    public static string? Find(ITensorFile file, Family family, string tensor)
    {
        if (file.Entries.ContainsKey(tensor)) return tensor;
        return family.OtherName(tensor) is { } other && file.Entries.ContainsKey(other) ? other : null;
    }

    /// <summary>Bytes of an element of the parameters that a file's weights become while they stay in their types, on an average.</summary>
    public static double ElementBytes(ITensorFile file)
    {
        double bytes = file.Entries.Values.Sum(e => e.Count * (double)(ElementTypes.Of(e.Dtype) ?? ElementType.F32).Bytes());
        return bytes / Math.Max(1, file.Entries.Values.Sum(e => (double)e.Count));
    }

    /// <summary>
    /// A parameter of a file that was checked: float32 where it is to be trained, else a matrix in the file's type. Vectors are so small
    /// that they are always float32.
    /// </summary>
    /// <exception cref="SafetensorsException">A weight is not finite.</exception>
    public static Parameter Read(Device device, string name, Shape shape, ITensorFile file, Family family, bool trainable)
    {
        StoredParameter at = family.Stored(name);
        TensorEntry entry = file.Entry(Find(file, family, at.Tensor) ?? at.Tensor);
        if (trainable || shape.Rank != 2)
        {
            var parameter = new Parameter(device, name, shape, zeroed: false) { Trainable = trainable };
            Fill(parameter, file, family);
            return parameter;
        }

        ElementType type = ElementTypes.Of(entry.Dtype) ?? ElementType.F32;
        var matrix = new Parameter(device, name, shape, type) { StoredAs = CameIn(file, at.Tensor) ?? type };
        int rowsAtOnce = at.Transposed ? shape[0] : Math.Max(1, Piece / shape[1] / RowsTogether) * RowsTogether;
        if (type == ElementType.F32) FillMatrix<float>(matrix, file, at, entry, rowsAtOnce);
        else FillMatrix<ushort>(matrix, file, at, entry, rowsAtOnce);
        return matrix;
    }

    // Rows piece by piece; of a transposed tensor all at once.
    private static void FillMatrix<T>(Parameter matrix, ITensorFile file, StoredParameter at, TensorEntry entry, int rowsAtOnce)
        where T : unmanaged
    {
        int columns = matrix.Shape[1];
        var piece = new T[at.Transposed ? entry.Count : (long)Math.Min(rowsAtOnce, matrix.Shape[0]) * columns];
        for (int row = 0; row < matrix.Shape[0]; row += rowsAtOnce)
        {
            int rows = Math.Min(rowsAtOnce, matrix.Shape[0] - row);
            Span<T> elements = at.Transposed ? piece : piece.AsSpan(0, rows * columns);
            long first = (long)row * columns;
            file.ReadElements(entry.Name, first, MemoryMarshal.AsBytes(elements));
            CheckFinite(MemoryMarshal.AsBytes(elements), matrix.Type, file, entry.Name, first);
            if (at.Transposed) elements = at.FromFile(piece, matrix.Shape.ToArray());
            matrix.Write(row, MemoryMarshal.AsBytes(elements));
        }
    }

    /// <summary>Reads a parameter from a file that was checked.</summary>
    /// <exception cref="SafetensorsException">A weight is not finite.</exception>
    public static void Fill(Parameter parameter, ITensorFile file, Family family)
    {
        StoredParameter at = family.Stored(parameter.Name);
        string name = Find(file, family, at.Tensor) ?? at.Tensor;
        TensorEntry entry = file.Entry(name);
        parameter.StoredAs = CameIn(file, at.Tensor) ?? ElementTypes.Of(entry.Dtype) ?? ElementType.F32;
        if (at.Transposed)
        {
            var whole = new float[entry.Count];
            file.ReadFloat32(name, 0, whole);
            CheckFinite(whole, file, name, 0);
            parameter.Set(at.FromFile(whole, parameter.Shape.ToArray()));
            return;
        }

        var piece = new float[Math.Min(Piece, parameter.Shape.Count)];
        for (int first = 0; first < parameter.Shape.Count; first += Piece)
        {
            Span<float> values = piece.AsSpan(0, Math.Min(Piece, parameter.Shape.Count - first));
            file.ReadFloat32(name, first, values);
            CheckFinite(values, file, name, first);
            parameter.Set(first, values);
        }
    }

    /// <summary>The tensors of a model's file, in the order of its parameters.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="family">Whose names and layout the file has.</param>
    /// <param name="type">The type of all; null for the one that each came in.</param>
    public static IEnumerable<TensorData> Tensors(IReadOnlyList<Parameter> parameters, Family family, ElementType? type)
    {
        foreach (IGrouping<string, Parameter> tensor in parameters.GroupBy(p => family.Stored(p.Name).Tensor))
        {
            Parameter[] parts = [.. tensor.OrderBy(p => family.Stored(p.Name).Part)];
            StoredParameter at = family.Stored(parts[0].Name);
            long[] shape = parts[0].Shape.ToArray();
            Action<FloatSink> write = at.Transposed
                ? sink => sink(at.ToFile(Array.ConvertAll(parts, p => p.ToArray()), shape))
                : parts[0].Read;
            yield return new TensorData(tensor.Key, at.FileShape(shape), write) { Type = type ?? parts[0].StoredAs };
        }
    }

    /// <summary>Metadata for a float32 file that keep the types that the weights came in.</summary>
    public static Dictionary<string, string> Metadata(IReadOnlyList<Parameter> parameters, Family family)
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        var types = parameters.Where(p => p.StoredAs != ElementType.F32).GroupBy(p => family.Stored(p.Name).Tensor)
            .ToDictionary(tensor => tensor.Key, tensor => tensor.First().StoredAs.ToString());
        if (types.Count > 0) metadata[CameAs] = JsonSerializer.Serialize(types);
        return metadata;
    }

    private static ElementType? CameIn(ITensorFile file, string tensor)
    {
        if (!file.Metadata.TryGetValue(CameAs, out string? json)) return null;
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(json)!.TryGetValue(tensor, out string? type)
                ? ElementTypes.Of(type)
                : null;
        }
        catch (JsonException e)
        {
            throw new SafetensorsException(file.Path, null, $"__metadata__ '{CameAs}' is not valid JSON: {e.Message}", e);
        }
    }

    private static void CheckFinite(ReadOnlySpan<byte> elements, ElementType type, ITensorFile file, string name, long first)
    {
        if (type == ElementType.F32)
        {
            CheckFinite(MemoryMarshal.Cast<byte, float>(elements), file, name, first);
            return;
        }

        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(elements);
        ushort mask = type == ElementType.BF16 ? (ushort)0x7F80 : (ushort)0x7C00;
        var exponent = new Vector<ushort>(mask);
        int i = 0;
        for (; i <= halves.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            if (Vector.EqualsAny(new Vector<ushort>(halves[i..]) & exponent, exponent)) break;
        }

        while (i < halves.Length && (halves[i] & mask) != mask) i++;
        if (i == halves.Length) return;
        Span<float> wrong = stackalloc float[1];
        HalfPrecision.Widen(halves.Slice(i, 1), wrong, type);
        CheckFinite(wrong, file, name, first + i);
    }

    private static void CheckFinite(ReadOnlySpan<float> values, ITensorFile file, string name, long first)
    {
        // Not finite: all bits of the exponent are set.
        var exponent = new Vector<uint>(0x7F80_0000u);
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            if (Vector.EqualsAny(Vector.AsVectorUInt32(new Vector<float>(values[i..])) & exponent, exponent)) break;
        }

        for (; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new SafetensorsException(file.Path, name,
                    $"element {first + i} is {values[i]}; a model with such a weight computes nothing. Take a checkpoint from before it "
                        + "diverged.");
            }
        }
    }
}
