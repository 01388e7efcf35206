using System.Reflection;
using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Tests.Gpu;

namespace MiniTransformer.Tests.Api;

/// <summary>Our ops are written as anybody's: what they call of tensors, tapes and backends is public.</summary>
public class OwnOpsTests
{
    // A reshape shares storage and gradient, and packed weights belong to their parameter.
    private static readonly string[] Allowed = ["Tensor.WithShape", "Parameter.get_Packed"];

    [Fact]
    public void The_ops_use_public_members_alone_but_for_two()
    {
        const BindingFlags Declared =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        Type[] ops = [.. typeof(TensorOps).Assembly.GetTypes().Where(type => type.Namespace == typeof(TensorOps).Namespace)];
        MemberInfo[] used =
        [
            .. ops.SelectMany(type => type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)))
                .SelectMany(DelegateTargets.Used).Select(use => use.Member)
                .Where(member => member.DeclaringType?.Assembly == typeof(TensorOps).Assembly
                    && member.DeclaringType.Namespace != typeof(TensorOps).Namespace
                    && !member.DeclaringType.Name.StartsWith('<')), // the compiler's own
        ];
        Assert.Contains(used, member => member.Name == nameof(Tape.Scratch));

        string[] hidden = [.. used.Where(member => !IsPublic(member)).Select(member => $"{member.DeclaringType!.Name}.{member.Name}")
            .Distinct().Order(StringComparer.Ordinal)];
        Assert.Equal(Allowed.Order(StringComparer.Ordinal), hidden);
    }

    private static bool IsPublic(MemberInfo member) => member.DeclaringType!.IsVisible && member switch
    {
        MethodBase method => method.IsPublic,
        FieldInfo field => field.IsPublic,
        _ => true,
    };
}
