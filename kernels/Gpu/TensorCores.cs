using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// What tensor cores do in <see cref="GemmTensorCores"/>: a warp's product of 32 rows by 8 k and 8 k by 64 columns, from dynamic shared memory. An interface, so
/// that tests can run the kernel where there is no tensor core.
/// </summary>
/// <remarks>
/// The instruction multiplies 16 by 8 and 8 by 8, of which every lane holds a part. Lane 4g + t holds of A the elements (g, t), (g + 8, t), (g, t + 4) and
/// (g + 8, t + 4), of B (t, g) and (t + 4, g), of the sum (g, 2t), (g, 2t + 1), (g + 8, 2t) and (g + 8, 2t + 1): NVIDIA, "Parallel Thread Execution ISA",
/// "Matrix Fragments for mma.m16n8k8" with .tf32. A warp does 2 by 8 of them.
/// </remarks>
internal interface ITensorCores
{
    /// <summary>Floats of shared memory that it needs for itself, behind the kernel's; a multiple of four.</summary>
    static abstract int OwnFloats { get; }

    /// <summary>A lane's 64 sums.</summary>
    static abstract ArrayView<float> Allocate();

    /// <summary>sums ← 0</summary>
    static abstract void Clear(ArrayView<float> sums);

    /// <summary>sums += A·B. A lane's first element of A, (g, t), is at <paramref name="atA"/> in shared memory, that of B, (t, g), at <paramref name="atB"/>.</summary>
    static abstract void MultiplyAdd(ArrayView<float> shared, int atA, int atB, ArrayView<float> sums);

    /// <summary>Stores the upper or lower 16 of the warp's rows to shared memory, where the lane's element (g, 2t) goes to <paramref name="at"/>.</summary>
    static abstract void Store(ArrayView<float> shared, int at, int lower, ArrayView<float> sums);
}

/// <summary>
/// The tensor cores of CUDA GPUs from compute capability 8.0 on, in PTX. Sums are registers of the assembler's own: what passes through an operand that is
/// written to, ILGPU keeps in local memory.
/// </summary>
internal readonly struct TensorCores : ITensorCores
{
    // Distances in the texts, in bytes: 2176 is four rows of a tile, 4 · 16 · TensorTile.RowOfQuadruples; 4224 is eight rows of what is stored,
    // 8 · 4 · GemmTensorCores.StoredRow.

    /// <inheritdoc/>
    public static int OwnFloats => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ArrayView<float> Allocate()
    {
        CudaAsm.Emit(".reg .f32 sum<64>;");
        return default;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clear(ArrayView<float> sums) => CudaAsm.Emit(
        """
        mov.f32 sum0, 0f00000000; mov.f32 sum1, 0f00000000; mov.f32 sum2, 0f00000000; mov.f32 sum3, 0f00000000;
        mov.f32 sum4, 0f00000000; mov.f32 sum5, 0f00000000; mov.f32 sum6, 0f00000000; mov.f32 sum7, 0f00000000;
        mov.f32 sum8, 0f00000000; mov.f32 sum9, 0f00000000; mov.f32 sum10, 0f00000000; mov.f32 sum11, 0f00000000;
        mov.f32 sum12, 0f00000000; mov.f32 sum13, 0f00000000; mov.f32 sum14, 0f00000000; mov.f32 sum15, 0f00000000;
        mov.f32 sum16, 0f00000000; mov.f32 sum17, 0f00000000; mov.f32 sum18, 0f00000000; mov.f32 sum19, 0f00000000;
        mov.f32 sum20, 0f00000000; mov.f32 sum21, 0f00000000; mov.f32 sum22, 0f00000000; mov.f32 sum23, 0f00000000;
        mov.f32 sum24, 0f00000000; mov.f32 sum25, 0f00000000; mov.f32 sum26, 0f00000000; mov.f32 sum27, 0f00000000;
        mov.f32 sum28, 0f00000000; mov.f32 sum29, 0f00000000; mov.f32 sum30, 0f00000000; mov.f32 sum31, 0f00000000;
        mov.f32 sum32, 0f00000000; mov.f32 sum33, 0f00000000; mov.f32 sum34, 0f00000000; mov.f32 sum35, 0f00000000;
        mov.f32 sum36, 0f00000000; mov.f32 sum37, 0f00000000; mov.f32 sum38, 0f00000000; mov.f32 sum39, 0f00000000;
        mov.f32 sum40, 0f00000000; mov.f32 sum41, 0f00000000; mov.f32 sum42, 0f00000000; mov.f32 sum43, 0f00000000;
        mov.f32 sum44, 0f00000000; mov.f32 sum45, 0f00000000; mov.f32 sum46, 0f00000000; mov.f32 sum47, 0f00000000;
        mov.f32 sum48, 0f00000000; mov.f32 sum49, 0f00000000; mov.f32 sum50, 0f00000000; mov.f32 sum51, 0f00000000;
        mov.f32 sum52, 0f00000000; mov.f32 sum53, 0f00000000; mov.f32 sum54, 0f00000000; mov.f32 sum55, 0f00000000;
        mov.f32 sum56, 0f00000000; mov.f32 sum57, 0f00000000; mov.f32 sum58, 0f00000000; mov.f32 sum59, 0f00000000;
        mov.f32 sum60, 0f00000000; mov.f32 sum61, 0f00000000; mov.f32 sum62, 0f00000000; mov.f32 sum63, 0f00000000;
        """);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ArrayView<float> shared, int atA, int atB, ArrayView<float> sums) => CudaAsm.Emit(
        """
        {
        .reg .b32 p, q, a<8>, b<16>;
        mov.u32 p, __dyn_shared_alloca;
        add.u32 q, p, %1;
        add.u32 p, p, %0;
        ld.shared.b32 a0, [p + 0]; ld.shared.b32 a1, [p + 32]; ld.shared.b32 a2, [p + 2176]; ld.shared.b32 a3, [p + 2208];
        ld.shared.b32 a4, [p + 64]; ld.shared.b32 a5, [p + 96]; ld.shared.b32 a6, [p + 2240]; ld.shared.b32 a7, [p + 2272];
        ld.shared.b32 b0, [q + 0]; ld.shared.b32 b1, [q + 2176]; ld.shared.b32 b2, [q + 32]; ld.shared.b32 b3, [q + 2208];
        ld.shared.b32 b4, [q + 64]; ld.shared.b32 b5, [q + 2240]; ld.shared.b32 b6, [q + 96]; ld.shared.b32 b7, [q + 2272];
        ld.shared.b32 b8, [q + 128]; ld.shared.b32 b9, [q + 2304]; ld.shared.b32 b10, [q + 160]; ld.shared.b32 b11, [q + 2336];
        ld.shared.b32 b12, [q + 192]; ld.shared.b32 b13, [q + 2368]; ld.shared.b32 b14, [q + 224]; ld.shared.b32 b15, [q + 2400];
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum0, sum1, sum2, sum3}, {a0, a1, a2, a3}, {b0, b1}, {sum0, sum1, sum2, sum3};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum32, sum33, sum34, sum35}, {a4, a5, a6, a7}, {b0, b1}, {sum32, sum33, sum34, sum35};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum4, sum5, sum6, sum7}, {a0, a1, a2, a3}, {b2, b3}, {sum4, sum5, sum6, sum7};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum36, sum37, sum38, sum39}, {a4, a5, a6, a7}, {b2, b3}, {sum36, sum37, sum38, sum39};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum8, sum9, sum10, sum11}, {a0, a1, a2, a3}, {b4, b5}, {sum8, sum9, sum10, sum11};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum40, sum41, sum42, sum43}, {a4, a5, a6, a7}, {b4, b5}, {sum40, sum41, sum42, sum43};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum12, sum13, sum14, sum15}, {a0, a1, a2, a3}, {b6, b7}, {sum12, sum13, sum14, sum15};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum44, sum45, sum46, sum47}, {a4, a5, a6, a7}, {b6, b7}, {sum44, sum45, sum46, sum47};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum16, sum17, sum18, sum19}, {a0, a1, a2, a3}, {b8, b9}, {sum16, sum17, sum18, sum19};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum48, sum49, sum50, sum51}, {a4, a5, a6, a7}, {b8, b9}, {sum48, sum49, sum50, sum51};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum20, sum21, sum22, sum23}, {a0, a1, a2, a3}, {b10, b11}, {sum20, sum21, sum22, sum23};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum52, sum53, sum54, sum55}, {a4, a5, a6, a7}, {b10, b11}, {sum52, sum53, sum54, sum55};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum24, sum25, sum26, sum27}, {a0, a1, a2, a3}, {b12, b13}, {sum24, sum25, sum26, sum27};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum56, sum57, sum58, sum59}, {a4, a5, a6, a7}, {b12, b13}, {sum56, sum57, sum58, sum59};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum28, sum29, sum30, sum31}, {a0, a1, a2, a3}, {b14, b15}, {sum28, sum29, sum30, sum31};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {sum60, sum61, sum62, sum63}, {a4, a5, a6, a7}, {b14, b15}, {sum60, sum61, sum62, sum63};
        }
        """,
        4 * atA,
        4 * atB);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ArrayView<float> shared, int at, int lower, ArrayView<float> sums)
    {
        if (lower == 0)
        {
            CudaAsm.Emit(
                """
                {
                .reg .b32 p;
                mov.u32 p, __dyn_shared_alloca;
                add.u32 p, p, %0;
                st.shared.v2.f32 [p + 0], {sum0, sum1}; st.shared.v2.f32 [p + 4224], {sum2, sum3};
                st.shared.v2.f32 [p + 32], {sum4, sum5}; st.shared.v2.f32 [p + 4256], {sum6, sum7};
                st.shared.v2.f32 [p + 64], {sum8, sum9}; st.shared.v2.f32 [p + 4288], {sum10, sum11};
                st.shared.v2.f32 [p + 96], {sum12, sum13}; st.shared.v2.f32 [p + 4320], {sum14, sum15};
                st.shared.v2.f32 [p + 128], {sum16, sum17}; st.shared.v2.f32 [p + 4352], {sum18, sum19};
                st.shared.v2.f32 [p + 160], {sum20, sum21}; st.shared.v2.f32 [p + 4384], {sum22, sum23};
                st.shared.v2.f32 [p + 192], {sum24, sum25}; st.shared.v2.f32 [p + 4416], {sum26, sum27};
                st.shared.v2.f32 [p + 224], {sum28, sum29}; st.shared.v2.f32 [p + 4448], {sum30, sum31};
                }
                """,
                4 * at);
        }
        else
        {
            CudaAsm.Emit(
                """
                {
                .reg .b32 p;
                mov.u32 p, __dyn_shared_alloca;
                add.u32 p, p, %0;
                st.shared.v2.f32 [p + 0], {sum32, sum33}; st.shared.v2.f32 [p + 4224], {sum34, sum35};
                st.shared.v2.f32 [p + 32], {sum36, sum37}; st.shared.v2.f32 [p + 4256], {sum38, sum39};
                st.shared.v2.f32 [p + 64], {sum40, sum41}; st.shared.v2.f32 [p + 4288], {sum42, sum43};
                st.shared.v2.f32 [p + 96], {sum44, sum45}; st.shared.v2.f32 [p + 4320], {sum46, sum47};
                st.shared.v2.f32 [p + 128], {sum48, sum49}; st.shared.v2.f32 [p + 4352], {sum50, sum51};
                st.shared.v2.f32 [p + 160], {sum52, sum53}; st.shared.v2.f32 [p + 4384], {sum54, sum55};
                st.shared.v2.f32 [p + 192], {sum56, sum57}; st.shared.v2.f32 [p + 4416], {sum58, sum59};
                st.shared.v2.f32 [p + 224], {sum60, sum61}; st.shared.v2.f32 [p + 4448], {sum62, sum63};
                }
                """,
                4 * at);
        }
    }
}
