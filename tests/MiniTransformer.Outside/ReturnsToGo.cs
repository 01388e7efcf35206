using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace Outside;

/// <summary>An own op with own kernels: one for the CPU on spans, one for ILGPU devices.</summary>
public static class ReturnsToGoOps
{
    /// <summary>Gₜ = rₜ + γ Gₜ₊₁ along each row: (.., T) → (.., T).</summary>
    public static Tensor ReturnsToGo(this Tensor rewards, float gamma)
    {
        Tape tape = Tape.Of("ReturnsToGo", rewards);
        Tensor returns = tape.New(rewards.Shape, rewards);
        tape.Backend.Fill(returns.Storage, 0);
        AddRecurrence(tape.Backend, rewards.Storage, returns.Storage, rewards.Shape, gamma, backwards: true);
        tape.Record(new ReturnsToGoBackward(rewards, returns, gamma));
        return returns;
    }

    // Gₜ = Σ_{k ≥ t} γᵏ⁻ᵗ rₖ, so drₖ += Σ_{t ≤ k} γᵏ⁻ᵗ dGₜ: the same recurrence from the other end.
    private readonly struct ReturnsToGoBackward(Tensor rewards, Tensor returns, float gamma) : IBackward
    {
        public Tensor Output => returns;

        public void Run(IBackend backend) =>
            AddRecurrence(backend, returns.GradStorage, rewards.GradStorage, rewards.Shape, gamma, backwards: false);
    }

    // to += s, sₜ = fromₜ + γ s of the neighbour.
    private static void AddRecurrence(IBackend backend, Storage from, Storage to, Shape shape, float gamma, bool backwards) => backend.Run(
        cpu: () =>
        {
            for (int row = 0; row < shape.Rows; row++) AddRow(from.Span(), to.Span(), row * shape.Last, shape.Last, gamma, backwards);
        },
        compile: static accelerator => new Kernels(accelerator),
        start: kernels => kernels.Start(from.View(), to.View(), shape.Rows, shape.Last, gamma, backwards));

    private static void AddRow(Span<float> from, Span<float> to, int start, int length, float gamma, bool backwards)
    {
        float sum = 0;
        for (int i = 0; i < length; i++)
        {
            int at = start + (backwards ? length - 1 - i : i);
            sum = from[at] + gamma * sum;
            to[at] += sum;
        }
    }

    private sealed class Kernels(Accelerator accelerator)
    {
        private readonly Action<Index1D, ArrayView<float>, ArrayView<float>, int, float, int> rows =
            accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>, int, float, int>(Row);

        public void Start(ArrayView<float> from, ArrayView<float> to, int count, int length, float gamma, bool backwards) =>
            rows(count, from, to, length, gamma, backwards ? 1 : 0);

        private static void Row(Index1D row, ArrayView<float> from, ArrayView<float> to, int length, float gamma, int backwards)
        {
            float sum = 0f;
            for (int i = 0; i < length; i++)
            {
                int at = row * length + (backwards != 0 ? length - 1 - i : i);
                sum = from[at] + gamma * sum;
                to[at] += sum;
            }
        }
    }
}
