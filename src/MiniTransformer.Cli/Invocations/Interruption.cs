namespace MiniTransformer.Cli.Invocations;

/// <summary>A command was stopped by Ctrl+C: the message says what it has kept. The exit code is 130.</summary>
internal sealed class Interruption(string message) : OperationCanceledException(message);
