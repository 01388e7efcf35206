using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// What tensor cores do in <see cref="GemmTensorCores"/>: a warp's product of 32 rows by 8 k and 8 k by 64 columns, from dynamic shared
/// memory. An interface, so that tests can run the kernel where there is no tensor core.
/// </summary>
/// <remarks>
/// The instruction multiplies 16 by 8 and 8 by 8, of which every lane holds a part. Lane 4g + t holds of A the elements (g, t), (g + 8, t),
/// (g, t + 4) and (g + 8, t + 4), of B (t, g) and (t + 4, g), of the sum (g, 2t), (g, 2t + 1), (g + 8, 2t) and (g + 8, 2t + 1): NVIDIA,
/// "Parallel Thread Execution ISA", "Matrix Fragments for mma.m16n8k8" with .tf32. A warp does 2 by 8 of them.
/// </remarks>
internal interface ITensorCores
{
    /// <summary>Floats of shared memory that it needs for itself, behind the kernel's; a multiple of four.</summary>
    static abstract int OwnFloats { get; }

    /// <summary>A lane's 64 sums.</summary>
    static abstract ArrayView<float> Allocate();

    /// <summary>sums ← 0</summary>
    static abstract void Clear(ArrayView<float> sums);

    /// <summary>
    /// sums += A·B. A lane's first element of A, (g, t), is at <paramref name="atA"/> in shared memory, that of B, (t, g), at
    /// <paramref name="atB"/>.
    /// </summary>
    static abstract void MultiplyAdd(ArrayView<float> shared, int atA, int atB, ArrayView<float> sums);

    /// <summary>
    /// Stores the upper or lower 16 of the warp's rows to shared memory, where the lane's element (g, 2t) goes to <paramref name="at"/>.
    /// </summary>
    static abstract void Store(ArrayView<float> shared, int at, int lower, ArrayView<float> sums);
}

/// <summary>
/// The tensor cores of CUDA GPUs from compute capability 8.0 on, in PTX. Sums are registers of the assembler's own: what passes through an
/// operand that is written to, ILGPU keeps in local memory.
/// </summary>
internal readonly struct TensorCores : ITensorCores
{
    // Distances in the texts, in bytes: 2176 is four rows of a tile, 4 · 16 · TensorTile.RowOfQuadruples; 4224 is eight rows of what is
    // stored, 8 · 4 · GemmTensorCores.StoredRow.

    /// <inheritdoc/>
    public static int OwnFloats => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ArrayView<float> Allocate()
    {
        CudaAsm.Emit(".reg .f32 c<64>;");
        return default;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clear(ArrayView<float> sums) => CudaAsm.Emit(
        """
        mov.f32 c0, 0f00000000; mov.f32 c1, 0f00000000; mov.f32 c2, 0f00000000; mov.f32 c3, 0f00000000;
        mov.f32 c4, 0f00000000; mov.f32 c5, 0f00000000; mov.f32 c6, 0f00000000; mov.f32 c7, 0f00000000;
        mov.f32 c8, 0f00000000; mov.f32 c9, 0f00000000; mov.f32 c10, 0f00000000; mov.f32 c11, 0f00000000;
        mov.f32 c12, 0f00000000; mov.f32 c13, 0f00000000; mov.f32 c14, 0f00000000; mov.f32 c15, 0f00000000;
        mov.f32 c16, 0f00000000; mov.f32 c17, 0f00000000; mov.f32 c18, 0f00000000; mov.f32 c19, 0f00000000;
        mov.f32 c20, 0f00000000; mov.f32 c21, 0f00000000; mov.f32 c22, 0f00000000; mov.f32 c23, 0f00000000;
        mov.f32 c24, 0f00000000; mov.f32 c25, 0f00000000; mov.f32 c26, 0f00000000; mov.f32 c27, 0f00000000;
        mov.f32 c28, 0f00000000; mov.f32 c29, 0f00000000; mov.f32 c30, 0f00000000; mov.f32 c31, 0f00000000;
        mov.f32 c32, 0f00000000; mov.f32 c33, 0f00000000; mov.f32 c34, 0f00000000; mov.f32 c35, 0f00000000;
        mov.f32 c36, 0f00000000; mov.f32 c37, 0f00000000; mov.f32 c38, 0f00000000; mov.f32 c39, 0f00000000;
        mov.f32 c40, 0f00000000; mov.f32 c41, 0f00000000; mov.f32 c42, 0f00000000; mov.f32 c43, 0f00000000;
        mov.f32 c44, 0f00000000; mov.f32 c45, 0f00000000; mov.f32 c46, 0f00000000; mov.f32 c47, 0f00000000;
        mov.f32 c48, 0f00000000; mov.f32 c49, 0f00000000; mov.f32 c50, 0f00000000; mov.f32 c51, 0f00000000;
        mov.f32 c52, 0f00000000; mov.f32 c53, 0f00000000; mov.f32 c54, 0f00000000; mov.f32 c55, 0f00000000;
        mov.f32 c56, 0f00000000; mov.f32 c57, 0f00000000; mov.f32 c58, 0f00000000; mov.f32 c59, 0f00000000;
        mov.f32 c60, 0f00000000; mov.f32 c61, 0f00000000; mov.f32 c62, 0f00000000; mov.f32 c63, 0f00000000;
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
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c0, c1, c2, c3}, {a0, a1, a2, a3}, {b0, b1}, {c0, c1, c2, c3};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c32, c33, c34, c35}, {a4, a5, a6, a7}, {b0, b1}, {c32, c33, c34, c35};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c4, c5, c6, c7}, {a0, a1, a2, a3}, {b2, b3}, {c4, c5, c6, c7};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c36, c37, c38, c39}, {a4, a5, a6, a7}, {b2, b3}, {c36, c37, c38, c39};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c8, c9, c10, c11}, {a0, a1, a2, a3}, {b4, b5}, {c8, c9, c10, c11};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c40, c41, c42, c43}, {a4, a5, a6, a7}, {b4, b5}, {c40, c41, c42, c43};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c12, c13, c14, c15}, {a0, a1, a2, a3}, {b6, b7}, {c12, c13, c14, c15};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c44, c45, c46, c47}, {a4, a5, a6, a7}, {b6, b7}, {c44, c45, c46, c47};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c16, c17, c18, c19}, {a0, a1, a2, a3}, {b8, b9}, {c16, c17, c18, c19};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c48, c49, c50, c51}, {a4, a5, a6, a7}, {b8, b9}, {c48, c49, c50, c51};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c20, c21, c22, c23}, {a0, a1, a2, a3}, {b10, b11}, {c20, c21, c22, c23};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c52, c53, c54, c55}, {a4, a5, a6, a7}, {b10, b11}, {c52, c53, c54, c55};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c24, c25, c26, c27}, {a0, a1, a2, a3}, {b12, b13}, {c24, c25, c26, c27};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c56, c57, c58, c59}, {a4, a5, a6, a7}, {b12, b13}, {c56, c57, c58, c59};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c28, c29, c30, c31}, {a0, a1, a2, a3}, {b14, b15}, {c28, c29, c30, c31};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {c60, c61, c62, c63}, {a4, a5, a6, a7}, {b14, b15}, {c60, c61, c62, c63};
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
                st.shared.v2.f32 [p + 0], {c0, c1}; st.shared.v2.f32 [p + 4224], {c2, c3};
                st.shared.v2.f32 [p + 32], {c4, c5}; st.shared.v2.f32 [p + 4256], {c6, c7};
                st.shared.v2.f32 [p + 64], {c8, c9}; st.shared.v2.f32 [p + 4288], {c10, c11};
                st.shared.v2.f32 [p + 96], {c12, c13}; st.shared.v2.f32 [p + 4320], {c14, c15};
                st.shared.v2.f32 [p + 128], {c16, c17}; st.shared.v2.f32 [p + 4352], {c18, c19};
                st.shared.v2.f32 [p + 160], {c20, c21}; st.shared.v2.f32 [p + 4384], {c22, c23};
                st.shared.v2.f32 [p + 192], {c24, c25}; st.shared.v2.f32 [p + 4416], {c26, c27};
                st.shared.v2.f32 [p + 224], {c28, c29}; st.shared.v2.f32 [p + 4448], {c30, c31};
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
                st.shared.v2.f32 [p + 0], {c32, c33}; st.shared.v2.f32 [p + 4224], {c34, c35};
                st.shared.v2.f32 [p + 32], {c36, c37}; st.shared.v2.f32 [p + 4256], {c38, c39};
                st.shared.v2.f32 [p + 64], {c40, c41}; st.shared.v2.f32 [p + 4288], {c42, c43};
                st.shared.v2.f32 [p + 96], {c44, c45}; st.shared.v2.f32 [p + 4320], {c46, c47};
                st.shared.v2.f32 [p + 128], {c48, c49}; st.shared.v2.f32 [p + 4352], {c50, c51};
                st.shared.v2.f32 [p + 160], {c52, c53}; st.shared.v2.f32 [p + 4384], {c54, c55};
                st.shared.v2.f32 [p + 192], {c56, c57}; st.shared.v2.f32 [p + 4416], {c58, c59};
                st.shared.v2.f32 [p + 224], {c60, c61}; st.shared.v2.f32 [p + 4448], {c62, c63};
                }
                """,
                4 * at);
        }
    }
}
