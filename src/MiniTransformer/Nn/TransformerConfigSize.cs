using System.Globalization;

namespace MiniTransformer.Nn;

// How large the model is, found without building it.
public sealed partial record TransformerConfig
{
    // More than any model has; each layer is built, so that a number of 10⁹ would take long before it failed.
    private const int MostLayers = 1 << 16;

    /// <summary>Numbers in the weights: token table, projections, norms and head.</summary>
    public double ParameterCount
    {
        get
        {
            double c = HiddenSize, inner = IntermediateSize, queries = (double)NumHeads * HeadDim,
                keys = (double)NumKeyValueHeads * HeadDim;
            double norm = Form.Norm == NormKind.Layer ? 2 * c : c, gates = Form.Mlp == MlpKind.Gelu ? 1 : 2;
            double layer = (Form.NormsAfter ? 4 : 2) * norm + 2 * c * queries + 2 * c * keys + (gates + 1) * c * inner;
            if (Form.QueryKeyNorm) layer += 2 * HeadDim;
            if (Form.QkvBias) layer += queries + 2 * keys;
            if (Form.OutputBias) layer += c;
            if (Form.MlpBias) layer += gates * inner + c;
            return (TieEmbeddings ? 1 : 2) * c * VocabSize + (Form.LearnedPositions ? c * MaxPositions : 0) + NumLayers * layer + norm;
        }
    }

    /// <summary>The number of parameters and the sizes that it comes from, for messages about memory.</summary>
    internal string SizeInWords => string.Create(
        CultureInfo.InvariantCulture,
        $"{ParameterCount:#,0} parameters (hidden_size {HiddenSize}, num_hidden_layers {NumLayers}, intermediate_size {IntermediateSize}, "
            + $"vocab_size {VocabSize})");

    private void CheckSize()
    {
        if (NumLayers > MostLayers)
            throw new TransformerConfigException("num_hidden_layers",
                $"num_hidden_layers = {NumLayers} is more than {MostLayers}, the most that is built.");
        Matrix("vocab_size", VocabSize, "hidden_size", HiddenSize);
        Matrix("intermediate_size", IntermediateSize, "hidden_size", HiddenSize);
        Matrix("num_attention_heads × head_dim", NumHeads * HeadDim, "hidden_size", HiddenSize);
    }

    private static void Matrix(string rows, int m, string columns, int n)
    {
        if ((long)m * n > int.MaxValue)
            throw new TransformerConfigException(columns,
                $"{rows} × {columns} = {m} × {n} is a matrix of more than 2³¹ − 1 numbers, which is not possible; lower one of them.");
    }
}
