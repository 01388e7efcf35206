using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace MiniTransformer.Tests.Runner;

/// <summary>The tests of an assembly, run in this process by xunit's own framework; failures are printed as they come.</summary>
internal sealed class TestRun : LongLivedMarshalByRefObject, IMessageSink
{
    private readonly Func<ITestCase, bool> filter;
    private readonly List<ITestCase> cases = [];
    private readonly ManualResetEventSlim discovered = new(), finished = new();

    private TestRun(Func<ITestCase, bool> filter) => this.filter = filter;

    public int Passed { get; private set; }

    public int Failed { get; private set; }

    public int Skipped { get; private set; }

    public double Seconds { get; private set; }

    public List<string> Failures { get; } = [];

    /// <summary>Runs the test cases that the filter lets through.</summary>
    public static TestRun Of(Assembly assembly, Func<ITestCase, bool> filter)
    {
        var run = new TestRun(filter);
        using var framework = new XunitTestFramework(run);
        var options = new Options();
        using ITestFrameworkDiscoverer discoverer = framework.GetDiscoverer(Reflector.Wrap(assembly));
        discoverer.Find(includeSourceInformation: false, run, options);
        run.discovered.Wait();
        using ITestFrameworkExecutor executor = framework.GetExecutor(assembly.GetName());
        executor.RunTests(run.cases, run, options);
        run.finished.Wait();
        return run;
    }

    /// <summary>What xunit tells while it finds and runs tests.</summary>
    public bool OnMessage(IMessageSinkMessage message)
    {
        lock (cases)
        {
            switch (message)
            {
                case ITestCaseDiscoveryMessage found when filter(found.TestCase): cases.Add(found.TestCase); break;
                case IDiscoveryCompleteMessage: discovered.Set(); break;
                case ITestPassed: Passed++; break;
                case ITestSkipped: Skipped++; break;
                case ITestFailed failed: Fail(failed.Test.DisplayName, failed); break;
                case ITestAssemblyFinished end: Seconds = (double)end.ExecutionTime; finished.Set(); break;
                case IErrorMessage error: Fail("outside a test", error); break;
                case ITestClassCleanupFailure failed: Fail(failed.TestClass.Class.Name, failed); break;
                case ITestCollectionCleanupFailure failed: Fail(failed.TestCollection.DisplayName, failed); break;
            }
        }

        return true;
    }

    private void Fail(string test, IFailureInformation failure)
    {
        Failed++;
        string text = $"{test}: {string.Join(" / ", failure.Messages)}";
        Failures.Add(text);
        Console.WriteLine($"FAILED {text}\n{string.Join('\n', failure.StackTraces)}");
    }

    // xunit asks by name and takes its default for what is not there.
    private sealed class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        private readonly Dictionary<string, object?> values = [];

        public TValue GetValue<TValue>(string name) => values.TryGetValue(name, out object? value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => values[name] = value;
    }
}
