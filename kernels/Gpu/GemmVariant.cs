namespace MiniTransformer.Kernels.Gpu;

/// <summary>Ways to compute a matrix product on an ILGPU device.</summary>
internal enum GemmVariant
{
    /// <summary>One work item an element of C: <see cref="GemmNaive"/>.</summary>
    Naive,

    /// <summary>Tiles of C, 64 by 64, through shared memory: <see cref="GemmTiled.Multiply64"/>.</summary>
    Tiled64,

    /// <summary>Tiles of C, 128 by 128: <see cref="GemmTiled.Multiply128"/>.</summary>
    Tiled128,

    /// <summary>Tiles of C, 4 by 16, one a work item, from packed operands, for devices that are CPUs: <see cref="GemmPanels"/>.</summary>
    Panels,

    /// <summary>Tiles of C, 128 by 128, on tensor cores with factors rounded to TF32: <see cref="GemmTensorCores"/>.</summary>
    TensorCores,
}
