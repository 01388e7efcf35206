using MiniTransformer.Backends;
using MiniTransformer.Backends.Gpu;
using MiniTransformer.Tests.Cli;

namespace MiniTransformer.Tests.Gpu;

public class OpeningTests
{
    private static readonly GpuDevice Imagined = new(GpuApi.OpenCl, 3, "Imagined", 1 << 20, "none", IsGpu: true);

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1:2")]
    [InlineData("")]
    public void A_name_of_no_device_is_refused_with_the_names_that_there_are(string name)
    {
        string message = Assert.Throws<DeviceException>(() => Device.Open(name)).Message;
        Assert.Contains("auto, cpu, cuda, opencl", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_is_not_there_is_an_error_that_says_what_is_and_exit_code_1()
    {
        CliResult result = Tests.Cli.Cli.Run("verify", "--device", "cuda:99");
        Assert.Equal(1, result.Code);
        Assert.Contains("--device cuda:99: there is no such device here", result.Error, StringComparison.Ordinal);
        Assert.Contains("--device cpu", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Devices_lists_the_CPU_and_says_of_each_driver_what_it_has_or_why_it_has_none()
    {
        CliResult result = Tests.Cli.Cli.Run("devices");
        Assert.Equal(0, result.Code);
        Assert.Contains("cpu ", result.Out, StringComparison.Ordinal);
        Assert.Matches("(?m)^(cuda:0|CUDA) ", result.Out);
        Assert.Matches("(?m)^(opencl:0|OpenCL) ", result.Out);
    }

    [Fact]
    public void Best_is_the_CPU_where_there_is_no_GPU()
    {
        using var context = new GpuContext();
        using Device best = Device.Best(2);
        if (!context.Devices.Any(d => d.IsGpu)) Assert.Contains("2 threads", best.Name, StringComparison.Ordinal);
        else Assert.DoesNotContain("threads", best.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_whose_self_test_is_off_by_a_thousandth_is_refused()
    {
        SelfTest.Compare(Imagined, [100f, -3f], [100.005f, -3.0001f]);
        string message = Assert.Throws<DeviceException>(() => SelfTest.Compare(Imagined, [100f, -3f], [100f, -3.003f])).Message;
        Assert.Contains("opencl:3 (Imagined) computes wrongly: row 1", message, StringComparison.Ordinal);
        Assert.Throws<DeviceException>(() => SelfTest.Compare(Imagined, [100f], [float.NaN]));
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Too_large_a_request_says_how_much_was_asked_how_much_there_is_and_what_to_lower(string name)
    {
        using Device device = Device.Open(name);
        DeviceException error = Assert.Throws<DeviceException>(() => device.Backend.Allocate(1L << 45));
        Assert.Contains("134217728.0 MiB more were asked for", error.Message, StringComparison.Ordinal);
        Assert.Contains("Lower the batch", error.Message, StringComparison.Ordinal);
        using DeviceBuffer small = device.Backend.Allocate(10); // the device is still of use
        Assert.Equal(10, small.Length);
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void An_upload_larger_than_the_staging_memory_arrives_whole_and_may_be_changed_at_once(string name)
    {
        using Device device = Device.Open(name);
        var numbers = new float[3_000_001];
        Storage there = device.Allocate(numbers.Length, zeroed: false);
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < numbers.Length; i++) numbers[i] = i % 1000 + round;
            float[] sent = [.. numbers], back = new float[numbers.Length];
            device.Backend.Upload(numbers, there);
            Array.Clear(numbers);
            device.Backend.Download(there, back);
            Assert.Equal(sent, back);
        }
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Devices_of_one_machine_in_several_threads_do_not_disturb_each_other(string name)
    {
        float[][] results = new float[6][];
        Parallel.For(0, results.Length, i =>
        {
            using Device device = Device.Open(name);
            results[i] = Training.DeviceAgreementTests.Train(device, steps: 3).Weights[0];
        });
        Assert.All(results, r => Assert.Equal(results[0], r));
    }
}
