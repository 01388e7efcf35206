using System.Runtime.InteropServices;
using System.Text;
using MiniTransformer.Cli;
using MiniTransformer.Judges;

// Ctrl+C and SIGTERM ask the command to keep what was done and leave; a second one ends the process at once.
if (OperatingSystem.IsWindows()) Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return CommandLine.Run(args, Console.Out, Console.Error, Console.OpenStandardInput(), stop.Token);

void Stop(PosixSignalContext context)
{
    const string showCursor = "\e[?25h"; // progress bars hide it
    if (stop.IsCancellationRequested)
    {
        if (!Console.IsErrorRedirected) Console.Error.Write(showCursor);
        Judge.EndCommands();
        return; // the system's own answer to the signal
    }

    context.Cancel = true;
    Console.Error.WriteLine("Stopping; press Ctrl+C again to end at once.");
    stop.Cancel();
}
