using BenchmarkDotNet.Running;
using MiniTransformer.Benchmarks;

// throughput ...   whole training steps and sampling runs, one JSON line (see Throughput)
// gpu-gemm ...     the variants of the product on a device beside the SIMD product (see GpuGemm)
// anything else    BenchmarkDotNet, such as --filter *Gemm*
if (args.Length > 0 && args[0] == "throughput") return Throughput.Run(args[1..]);
if (args.Length > 0 && args[0] == "gpu-gemm") return GpuGemm.Run(args[1..]);
BenchmarkSwitcher.FromAssembly(typeof(Throughput).Assembly).Run(args);
return 0;
