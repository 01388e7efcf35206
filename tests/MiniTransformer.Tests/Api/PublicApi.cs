using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace MiniTransformer.Tests.Api;

/// <summary>
/// What an assembly shows to those who use it, as text: a type a paragraph, a member a line, in an order that does not change.
/// </summary>
internal static class PublicApi
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(char)] = "char",
        [typeof(int)] = "int",
        [typeof(uint)] = "uint",
        [typeof(long)] = "long",
        [typeof(ulong)] = "ulong",
        [typeof(short)] = "short",
        [typeof(ushort)] = "ushort",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    /// <summary>The types that count: all that are visible, but what the compiler makes for extension blocks.</summary>
    public static IReadOnlyList<Type> Types(Assembly assembly) =>
        [.. assembly.GetExportedTypes().Where(t => !t.FullName!.Contains('<')).OrderBy(t => t.FullName, StringComparer.Ordinal)];

    /// <summary>The listing.</summary>
    public static string Of(Assembly assembly) => string.Join("\n", Types(assembly).Select(Paragraph)) + "\n";

    private static string Paragraph(Type type) =>
        $"{Kind(type)} {Name(type, full: true)}{Bases(type)}\n"
            + string.Concat(Members(type).Order(StringComparer.Ordinal).Distinct().Select(line => $"  {line}\n"));

    private static string Kind(Type type) =>
        type.IsEnum ? "enum"
        : type.IsInterface ? "interface"
        : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
        : type.IsValueType ? "struct"
        : type is { IsAbstract: true, IsSealed: true } ? "static class"
        : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";

    private static string Bases(Type type)
    {
        if (type.IsEnum || typeof(Delegate).IsAssignableFrom(type)) return "";
        IEnumerable<Type> inherited = type.BaseType?.GetInterfaces() ?? [];
        IEnumerable<Type> interfaces = type.GetInterfaces().Except(inherited)
            .Where(i => i.IsVisible && Name(i) != $"IEquatable<{Name(type)}>");
        string[] own = type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) ? [Name(b)] : [];
        string[] bases = [.. own, .. interfaces.Select(i => Name(i)).Order(StringComparer.Ordinal)];
        return bases.Length == 0 ? "" : " : " + string.Join(", ", bases);
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
            return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}");
        if (typeof(Delegate).IsAssignableFrom(type)) return [Signature(type.GetMethod("Invoke")!)];
        return type.GetMembers(Declared).Where(m => m.GetCustomAttribute<CompilerGeneratedAttribute>() is null || m is PropertyInfo)
            .SelectMany(Lines);
    }

    private static IEnumerable<string> Lines(MemberInfo member) => member switch
    {
        ConstructorInfo c when Visible(c) => [$"new({Parameters(c)})"],
        MethodInfo m when Visible(m) && !(m.IsSpecialName && !m.Name.StartsWith("op_", StringComparison.Ordinal))
            && !Overrides(m) => [Signature(m)],
        PropertyInfo p when Accessors(p) is { Length: > 0 } accessors && p.Name != "EqualityContract" =>
            [$"{Static(p.GetAccessors(true)[0])}{Typed(Nullability.Create(p), p.PropertyType)} "
                + $"{(p.GetIndexParameters().Length > 0 ? "this[…]" : p.Name)} {{ {accessors}}}"],
        FieldInfo { IsPublic: true } f =>
            [$"{(f.IsLiteral ? "const " : f.IsStatic ? "static " : "")}{Typed(Nullability.Create(f), f.FieldType)} {f.Name}{Constant(f)}"],
        EventInfo e when Visible(e.AddMethod!) => [$"event {Name(e.EventHandlerType!)} {e.Name}"],
        _ => [],
    };

    private static string Constant(FieldInfo f) =>
        f.IsLiteral ? string.Create(CultureInfo.InvariantCulture, $" = {f.GetRawConstantValue()}") : "";

    private static string Accessors(PropertyInfo p) =>
        (p.GetMethod is { } get && Visible(get) ? "get; " : "")
        + (p.SetMethod is { } set && Visible(set) ? set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit))
            ? "init; " : "set; " : "");

    // What a subclass outside the assembly may call is visible, too.
    private static bool Visible(MethodBase m) => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly;

    private static bool Overrides(MethodInfo m) => m.GetBaseDefinition().DeclaringType != m.DeclaringType;

    private static string Signature(MethodInfo m) =>
        $"{(m.DeclaringType!.IsInterface ? m.IsStatic ? "static " : "" : Static(m))}{Typed(Nullability.Create(m.ReturnParameter), m.ReturnType)} {m.Name}"
        + $"{(m.IsGenericMethod ? $"<{string.Join(", ", m.GetGenericArguments().Select(a => a.Name))}>" : "")}({Parameters(m)})";

    private static string Static(MethodBase m) =>
        m.IsStatic ? "static " : m.IsAbstract ? "abstract " : m is { IsVirtual: true, IsFinal: false } ? "virtual " : "";

    private static string Parameters(MethodBase m) => string.Join(", ", m.GetParameters().Select((p, i) =>
    {
        string before = i == 0 && m.IsDefined(typeof(ExtensionAttribute)) ? "this " : p.IsOut ? "out " : p.IsIn ? "in "
            : p.ParameterType.IsByRef ? "ref " : "";
        string value = p.HasDefaultValue ? string.Create(CultureInfo.InvariantCulture, $" = {p.RawDefaultValue ?? "default"}") : "";
        return $"{before}{Typed(Nullability.Create(p), p.ParameterType)} {p.Name}{value}";
    }));

    private static string Typed(NullabilityInfo info, Type type)
    {
        string name = Name(type.IsByRef ? type.GetElementType()! : type);
        return !type.IsValueType && info.ReadState == NullabilityState.Nullable ? name + "?" : name;
    }

    private static string Name(Type type, bool full = false)
    {
        if (Keywords.TryGetValue(type, out string? keyword)) return keyword;
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (type.IsPointer) return Name(type.GetElementType()!) + "*";
        if (type.IsGenericParameter) return type.Name;
        if (Nullable.GetUnderlyingType(type) is { } value) return Name(value) + "?";
        string outer = type.DeclaringType is { } declaring ? Name(declaring, full) + "." : full ? type.Namespace + "." : "";
        Type[] arguments = type.GetGenericArguments();
        return outer + type.Name.Split('`')[0] + (arguments.Length > 0 && type.Name.Contains('`')
            ? $"<{string.Join(", ", arguments.Select(a => Name(a)))}>" : "");
    }
}
