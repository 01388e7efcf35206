using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;

namespace MiniTransformer.Nn.Gguf;

/// <summary>
/// A model's parameters under llama.cpp's names and in its layout. Its Llama rotates neighbours (2i, 2i + 1) where Hugging Face's rotates
/// the halves (i, i + D/2), so that rows of queries and keys change places; it has no norm with 1 + w, so that 1 is added; GPT-2's queries,
/// keys and values are one.
/// </summary>
internal static class GgufTensors
{
    /// <summary>The tensors; values are read when their turn comes.</summary>
    public static IEnumerable<TensorData> Of(Transformer model, ElementType? type)
    {
        TransformerConfig config = model.Config;
        Dictionary<string, Parameter> parameters = model.Parameters.ToDictionary(parameter => parameter.Name);
        foreach (Parameter parameter in model.Parameters)
        {
            string name = parameter.Name;
            bool fused = config.Form.ModelType == "gpt2" && name.Contains(".self_attn.");
            if (fused && (name.Contains(".k_proj.") || name.Contains(".v_proj."))) continue;
            Parameter[] parts = fused && name.Contains(".q_proj.")
                ? [parameter, parameters[name.Replace(".q_proj.", ".k_proj.")], parameters[name.Replace(".q_proj.", ".v_proj.")]]
                : [parameter];
            long[] shape = parameter.Shape.ToArray();
            shape[0] *= parts.Length;
            bool vector = shape.Length == 1 || name.Contains("embed_positions");
            yield return new TensorData(NameOf(name, config.Form, parts.Length > 1), shape, sink =>
            {
                foreach (Parameter part in parts) sink(Values(part, config));
            })
            { Type = vector ? ElementType.F32 : type ?? parameter.StoredAs };
        }

        if (config.Form.Scaling is Llama3Scaling scaling)
        {
            // llama.cpp divides a frequency by its factor.
            int d = config.HeadDim;
            float[] factors = [.. Enumerable.Range(0, d / 2).Select(i => Math.Pow(config.RopeTheta, -2.0 * i / d))
                .Select(plain => (float)(plain / scaling.Stretch(plain)))];
            yield return new TensorData("rope_freqs.weight", [d / 2], factors);
        }
    }

    private static string NameOf(string parameter, TransformerForm form, bool fused)
    {
        string[] path = parameter.Split('.');
        string kind = path[^1];
        if (path is ["lm_head", _]) return "output.weight";
        if (path is ["model", var whole, _])
        {
            return $"{whole switch { "embed_tokens" => "token_embd", "embed_positions" => "position_embd", _ => "output_norm" }}.{kind}";
        }
        string part = path[^2] switch
        {
            "input_layernorm" => "attn_norm",
            "post_attention_layernorm" => form.NormsAfter ? "post_attention_norm" : "ffn_norm",
            "pre_feedforward_layernorm" => "ffn_norm",
            "post_feedforward_layernorm" => "post_ffw_norm",
            "q_proj" => fused ? "attn_qkv" : "attn_q",
            "k_proj" => "attn_k",
            "v_proj" => "attn_v",
            "o_proj" => "attn_output",
            "q_norm" => "attn_q_norm",
            "k_norm" => "attn_k_norm",
            "gate_proj" => "ffn_gate",
            "up_proj" => "ffn_up",
            "down_proj" => "ffn_down",
            _ => throw new NotSupportedException($"GGUF has no tensor for the parameter '{parameter}'."),
        };
        return $"blk.{path[2]}.{part}.{kind}";
    }

    private static float[] Values(Parameter parameter, TransformerConfig config)
    {
        TransformerForm form = config.Form;
        float[] values = parameter.ToArray();
        string[] path = parameter.Name.Split('.');
        bool isNorm = path[^2].EndsWith("norm", StringComparison.Ordinal);
        if (form.Norm == NormKind.RmsOnePlus && isNorm) values = Array.ConvertAll(values, w => 1 + w);

        // llama.cpp divides Gemma's scores by √D; where the model says √QueryScalar, the queries' norm makes up for it.
        if (form.QueryScalar is { } scalar && path[^2] == "q_norm")
        {
            double ratio = Math.Sqrt(config.HeadDim / (double)scalar);
            if (ratio != 1) values = Array.ConvertAll(values, w => (float)(w * ratio));
        }

        if (form.ModelType is "llama" or "mistral" && path[^2] is "q_proj" or "k_proj")
            return Neighbours(values, path[^2] == "q_proj" ? config.NumHeads : config.NumKeyValueHeads, config.HeadDim);
        return values;
    }

    // Row (head, half, i) becomes row (head, i, half).
    private static float[] Neighbours(float[] rows, int heads, int d)
    {
        var moved = new float[rows.Length];
        int width = rows.Length / (heads * d);
        for (int head = 0; head < heads; head++)
        {
            for (int i = 0; i < d; i++)
                rows.AsSpan((head * d + i) * width, width).CopyTo(moved.AsSpan((head * d + i % (d / 2) * 2 + i / (d / 2)) * width));
        }

        return moved;
    }
}
