using System.Runtime.CompilerServices;
using ILGPU;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// <see cref="TensorCores"/> for devices that have none: lanes show each other what they hold by way of shared memory, and each computes
/// its elements of the sum from that, by the tables of NVIDIA's "Parallel Thread Execution ISA", "Matrix Fragments for mma.m16n8k8".
/// </summary>
internal readonly struct EmulatedTensorCores : ITensorCores
{
    private const int RegistersOfA = 8, RegistersOfB = 16, Registers = RegistersOfA + RegistersOfB;
    private const int FourSteps = 4 * 4 * TensorTile.RowOfQuadruples;

    public static int OwnFloats => GemmTensorCores.GroupSize * Registers;

    public static ArrayView<float> Allocate() => LocalMemory.Allocate1D<float>(64).BaseView;

    public static void Clear(ArrayView<float> sums)
    {
        for (int i = 0; i < 64; i++) sums[i] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ArrayView<float> shared, int atA, int atB, ArrayView<float> sums)
    {
        ArrayView<float> shown = shared.SubView(GemmTensorCores.SharedFloats, OwnFloats);
        int own = Group.IdxX * Registers;
        for (int half = 0; half < 2; half++)
        {
            int from = atA + (16 * half), to = own + (4 * half);
            shown[to] = shared[from];
            shown[to + 1] = shared[from + 8];
            shown[to + 2] = shared[from + FourSteps];
            shown[to + 3] = shared[from + 8 + FourSteps];
        }

        for (int piece = 0; piece < 8; piece++)
        {
            shown[own + RegistersOfA + (2 * piece)] = shared[atB + (8 * piece)];
            shown[own + RegistersOfA + (2 * piece) + 1] = shared[atB + (8 * piece) + FourSteps];
        }

        Group.Barrier();
        int firstLane = Group.IdxX / 32 * 32, g = Group.IdxX % 32 / 4, t = Group.IdxX % 4;
        for (int i = 0; i < 64; i++)
        {
            // c₀: (g, 2t), c₁: (g, 2t + 1), c₂: (g + 8, 2t), c₃: (g + 8, 2t + 1)
            int half = i / 32, piece = i / 4 % 8, row = g + (8 * (i / 2 % 2)), column = (2 * t) + (i % 2);
            float sum = sums[i];
            for (int k = 0; k < 8; k++)
            {
                // a₀: (g, t), a₁: (g + 8, t), a₂: (g, t + 4), a₃: (g + 8, t + 4);  b₀: (t, g), b₁: (t + 4, g)
                int laneOfA = firstLane + (row % 8 * 4) + (k % 4), laneOfB = firstLane + (column * 4) + (k % 4);
                float a = shown[(laneOfA * Registers) + (4 * half) + (row / 8) + (k / 4 * 2)];
                sum += a * shown[(laneOfB * Registers) + RegistersOfA + (2 * piece) + (k / 4)];
            }

            sums[i] = sum;
        }

        Group.Barrier();
    }

    public static void Store(ArrayView<float> shared, int at, int lower, ArrayView<float> sums)
    {
        for (int piece = 0; piece < 8; piece++)
        {
            int from = (32 * lower) + (4 * piece), to = at + (8 * piece);
            shared[to] = sums[from];
            shared[to + 1] = sums[from + 1];
            shared[to + (8 * GemmTensorCores.StoredRow)] = sums[from + 2];
            shared[to + (8 * GemmTensorCores.StoredRow) + 1] = sums[from + 3];
        }
    }
}
