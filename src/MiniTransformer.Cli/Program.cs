using System.Runtime.InteropServices;
using System.Text;
using MiniTransformer.Cli;

// Ctrl+C and SIGTERM ask for a stop after the current update; a second one ends the process at once.
if (OperatingSystem.IsWindows()) Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return CommandLine.Run(args, Console.Out, Console.Error, Console.OpenStandardInput(), stop.Token);

void Stop(PosixSignalContext context)
{
    if (stop.IsCancellationRequested) return;
    context.Cancel = true;
    Console.Error.WriteLine("Stopping after this update; press Ctrl+C again to stop at once.");
    stop.Cancel();
}
