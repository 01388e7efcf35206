using BenchmarkDotNet.Running;
using MiniTransformer.Benchmarks;

// throughput ...   whole training steps and sampling runs, one JSON line (see Throughput)
// kernels ...      products and attention on any device (see DeviceKernels)
// gpu-gemm ...     the variants of the product on a device beside the SIMD product (see GpuGemm)
// gpu-attention    the forms of attention on a device beside the CPU's kernels (see GpuAttention)
// report ...       what run.sh found, as results.md and results.json (see DeviceReport)
// anything else    BenchmarkDotNet, such as --filter *Gemm*
switch (args is [] ? "" : args[0])
{
    case "throughput": return Throughput.Run(args[1..]);
    case "kernels": return DeviceKernels.Run(args[1..]);
    case "gpu-gemm": return GpuGemm.Run(args[1..]);
    case "gpu-attention": return GpuAttention.Run(args[1..]);
    case "report": return DeviceReport.Run(args[1..]);
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Throughput).Assembly).Run(args);
        return 0;
}
