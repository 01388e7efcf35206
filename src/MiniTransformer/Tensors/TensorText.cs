using System.Globalization;
using System.Text;

namespace MiniTransformer.Tensors;

/// <summary>
/// What a tensor looks like in print: its shape, and its elements nested by dimension, the middle of a long dimension left out.
/// </summary>
internal static class TensorText
{
    /// <summary>Takes some neighbouring elements, from the given one on, as text.</summary>
    public delegate string[] Reader(int first, int count);

    /// <summary>A text of at most some hundred elements, whatever the shape.</summary>
    public static string Of(Shape shape, Reader read)
    {
        var text = new StringBuilder($"{shape}");
        text.Append(shape.Rank > 1 && shape.Count > 0 ? '\n' : ' ');
        Append(text, shape, read, dimension: 0, first: 0);
        return text.ToString();
    }

    /// <summary>Five significant digits.</summary>
    public static string Number(float value) => value.ToString("G5", CultureInfo.InvariantCulture);

    private static void Append(StringBuilder text, Shape shape, Reader read, int dimension, int first)
    {
        int length = shape[dimension], edge = shape.Rank switch { 1 => 8, 2 => 4, _ => 2 }; // elements shown at either end
        bool cut = length > 2 * edge + 1;
        text.Append('[');
        if (dimension == shape.Rank - 1)
        {
            if (!cut) text.AppendJoin(", ", read(first, length));
            else text.AppendJoin(", ", [.. read(first, edge), "…", .. read(first + length - edge, edge)]);
        }
        else
        {
            int stride = 1;
            for (int i = dimension + 1; i < shape.Rank; i++) stride *= shape[i];
            string separator = ",\n" + new string(' ', dimension + 1);
            for (int i = 0; i < length; i++)
            {
                if (i > 0) text.Append(separator);
                if (cut && i == edge)
                {
                    text.Append("…").Append(separator);
                    i = length - edge;
                }

                Append(text, shape, read, dimension + 1, first + i * stride);
            }
        }

        text.Append(']');
    }
}
