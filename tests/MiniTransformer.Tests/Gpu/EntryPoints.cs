using System.Reflection;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// The entry points of kernels: every static method of a namespace that is turned into a delegate anywhere in given assemblies. Generic
/// ones come once for each combination of the structs that fit their constraints, so that a new operator or a new kernel cannot be
/// forgotten.
/// </summary>
internal static class EntryPoints
{
    /// <summary>By name, such as "Map&lt;Silu&gt;.Kernel".</summary>
    public static IReadOnlyDictionary<string, MethodInfo> Of(string kernels, params Assembly[] assemblies) =>
        assemblies.SelectMany(DelegateTargets.In)
            .Where(method => method.IsStatic && method.DeclaringType!.Namespace == kernels && !method.Name.Contains('<'))
            .SelectMany(Closed)
            .DistinctBy(Name)
            .OrderBy(Name, StringComparer.Ordinal)
            .ToDictionary(Name);

    private static IEnumerable<MethodInfo> Closed(MethodInfo method)
    {
        Type type = method.DeclaringType!;
        foreach (Type[] typeArguments in Arguments(type.IsGenericType ? type.GetGenericArguments() : []))
        {
            Type closed = typeArguments.Length == 0 ? type : type.GetGenericTypeDefinition().MakeGenericType(typeArguments);
            var declared = (MethodInfo)MethodBase.GetMethodFromHandle(MethodHandle(method), closed.TypeHandle)!;
            foreach (Type[] methodArguments in Arguments(method.IsGenericMethod ? method.GetGenericArguments() : []))
                yield return methodArguments.Length == 0
                    ? declared
                    : declared.GetGenericMethodDefinition().MakeGenericMethod(methodArguments);
        }
    }

    private static RuntimeMethodHandle MethodHandle(MethodInfo method) =>
        (method.IsGenericMethod ? method.GetGenericMethodDefinition() : method).MethodHandle;

    // All combinations; an argument that is a type already has no other choice.
    private static IEnumerable<Type[]> Arguments(Type[] parameters)
    {
        IEnumerable<Type[]> combinations = [[]];
        foreach (Type parameter in parameters)
        {
            Type[] choices = parameter.IsGenericParameter ? Implementations(parameter) : [parameter];
            if (choices.Length == 0)
            {
                throw new InvalidOperationException($"No struct fits the constraints of {parameter.DeclaringType}'s {parameter}.");
            }
            combinations = combinations.SelectMany(_ => choices, (chosen, choice) => (Type[])[.. chosen, choice]);
        }

        return combinations;
    }

    private static Type[] Implementations(Type parameter)
    {
        Type[] interfaces = [.. parameter.GetGenericParameterConstraints().Where(constraint => constraint.IsInterface)];
        return [.. interfaces.SelectMany(constraint => constraint.Assembly.GetTypes()).Distinct()
            .Where(type => type.IsValueType && !type.IsGenericType && interfaces.All(constraint => constraint.IsAssignableFrom(type)))];
    }

    private static string Name(MethodInfo method) =>
        $"{Name(method.DeclaringType!)}.{method.Name}{Arguments(method.IsGenericMethod, method.GetGenericArguments())}";

    private static string Name(Type type) => type.Name.Split('`')[0] + Arguments(type.IsGenericType, type.GetGenericArguments());

    private static string Arguments(bool generic, Type[] arguments) => generic ? $"<{string.Join(", ", arguments.Select(Name))}>" : "";
}
