using System.Diagnostics;
using System.Text.Json;
using MiniTransformer.Text.Jinja;

namespace MiniTransformer.Tests.Text.Jinja;

public class JinjaTemplateTests
{
    // The right sides are what Python's Jinja 3.1 writes, set as Hugging Face sets it.
    [Theory]
    [InlineData("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 4 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1e20 }} {{ 0.00001 }} {{ 123456789.125 "
        + "}}",
        "3 -4 2 2.0 1024 0.5 1e+20 1e-05 123456789.125")]
    [InlineData("{{ [1, 'a', none, true, 1.5, {'k': 'v'}] }} {{ (1,) }} {{ \"it's\" ~ ['it\\'s'] }} {{ none }} {{ missing }}|",
        "[1, 'a', None, True, 1.5, {'k': 'v'}] (1,) it's[\"it's\"] None |")]
    [InlineData("{{ 'abc'[::-1] }} {{ [1, 2, 3, 4][-3:-1] }} {{ 'hello'[-1] }} {{ [1, 2, 3][5:0:-1] }} {{ 'x😀y'[1] }} {{ 'x😀y' | length "
        + "}}", "cba [2, 3] o [3, 2] 😀 3")]
    [InlineData("{{ 'xxaxx'.strip('x') }} {{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a.b.c'.rsplit('.', 1) }} {{ "
        + "'a-b'.partition('-') }}",
        "a ['a', 'b', '', 'c'] ['a', 'b'] ['a.b', 'c'] ('a', '-', 'b')")]
    [InlineData("{{ 1 + 2 | string | length }} {{ -1.5 | abs }} {{ 1 ~ 2 * 3 }} {{ 1 < 2 < 3 }} {{ not 1 in [2] }} {{ 0 or '' or 'z' }} {{ "
        + "1 if 0 else 2 if 0 else 3 }}", "2 1.5 16 True True z 3")]
    [InlineData("{{ {'b': 1.0, 'a': [none, true, 'é\"\\n<']} | tojson }} {{ {'a': [1, {}]} | tojson(indent=2) }} {{ {'b': 1, 'a': 2} | "
        + "tojson(sort_keys=true, separators=(',', ':')) }}",
        "{\"b\": 1.0, \"a\": [null, true, \"é\\\"\\n<\"]} {\n  \"a\": [\n    1,\n    {}\n  ]\n} {\"a\":2,\"b\":1}")]
    [InlineData("{{ 'a\\nb\\n\\nc' | indent(2) }} {{ [3, 1, 2] | sort(reverse=true) }} {{ {'b': 1, 'a': 2} | dictsort }} {{ [1, 2, 3] | "
        + "join(', ') }} {{ 'hELLO' | capitalize }} {{ 'o\\'neil x' | title }}",
        "a\n  b\n\n  c [3, 2, 1] [('a', 2), ('b', 1)] 1, 2, 3 Hello O'Neil X")]
    [InlineData("{{ [{'r': 'u'}, {'r': 's'}] | selectattr('r', 'equalto', 'u') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ [{'n': "
        + "1}, {}] | map(attribute='n', default=0) | list }}",
        "[{'r': 'u'}] AB [1, 0]")]
    [InlineData("{{ missing | default('d') }} {{ '' | default('d', true) }} {{ none is none }} {{ {} is mapping }} {{ 1 is iterable }} {{ "
        + "4 is divisibleby 2 }} {{ 1 is in [1] }} {{ true is integer }}",
        "d d True True False True True False")]
    public void Expressions_mean_what_they_mean_in_Python(string template, string expected) => Assert.Equal(expected, Render(template));

    [Theory]
    [InlineData("{% for a in [5, 6] %}{{ loop.index }}{{ loop.first }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor "
        + "%}", "1True16;2False05;")]
    [InlineData("{% for i in range(10) if i is odd %}{{ i }}/{{ loop.length }} {% endfor %}{% for a in [] %}{% else %}none{% endfor %}",
        "1/5 3/5 5/5 7/5 9/5 none")]
    [InlineData("{% for k, (a, b) in [(1, (2, 3))] %}{{ k + a + b }}{% endfor %}{% for c in 'abcd' %}{% if c == 'b' %}{% continue %}{% "
        + "endif %}{% if c == 'd' %}{% break %}{% endif %}{{ c }}{% endfor %}", "6ac")]
    [InlineData("{% set ns = namespace(n=1) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% set gone = i %}{% endfor %}{{ ns.n }}{{ "
        + "gone }}", "7")]
    [InlineData("{% macro m(a, b=2) %}[{{ a }},{{ b }},{{ varargs }},{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(b=5, a=4) }}{{ m(1, 2, 3, "
        + "z=4) }}", "[1,2,(),{}][4,5,(),{}][1,2,(3,),{'z': 4}]")]
    [InlineData("{% macro box() %}<{{ caller('q') }}>{% endmacro %}{% call(z) box() %}in {{ z }}{% endcall %}{% filter upper %}ab{% "
        + "endfilter %}{% with d = 5 %}{{ d }}{% endwith %}", "<in q>AB5")]
    [InlineData("{% set x | trim | upper %}  hi {% endset %}[{{ x }}]{% for i in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ i.n "
        + "}}[{{ loop(i.c) }}]{% endfor %}", "[HI]1[2[]]")]
    [InlineData("a\n  {% if true %}\n    b\n  {% endif %}\n  {{ 1 }}\n  {# c #}\nd {%- if true -%}   e   {%- endif %} f {% raw %}{{ x }}{% "
        + "endraw %}\n", "a\n    b\n  1\nde f {{ x }}")]
    [InlineData("{{ {'items': 3}.items }}{% for k, v in {'items': 3}.items() %}{{ k }}{{ v }}{% endfor %}{{ {'a': 1}.get('b', 7) }}",
        "3items37")]
    public void Statements_do_what_Jinja_does(string template, string expected) => Assert.Equal(expected, Render(template));

    [Theory]
    [InlineData("a\n{{ nothing() }}", 2, "'nothing' is undefined, so it cannot be called")]
    [InlineData("a\n\n{{ 'x' | polish }}", 3, "there is no filter 'polish'")]
    [InlineData("{{ 1 is notest }}", 1, "there is no test 'notest'")]
    [InlineData("{{ 'x'.fly() }}", 1, "cannot be called")]
    [InlineData("{{ messages.role.name }}", 1, "is undefined, so it has no 'name'")]
    [InlineData("{{ 'a' + 1 }}", 1, "'+' does not go with a string and an integer")]
    [InlineData("{{ raise_exception('roles must alternate') }}", 1, "roles must alternate")]
    [InlineData("{{ trim(1) }}", 1, "cannot be called")]
    [InlineData("{% if true %}\nx", 1, "has no 'elif' or 'else' or 'endif'")]
    [InlineData("{% endfor %}", 1, "'endfor' ends no block")]
    [InlineData("{% include 'x' %}", 1, "'include' is not implemented")]
    [InlineData("{{ 'open }}", 1, "has no end")]
    [InlineData("{{ 1 + }}", 1, "stands where a value is needed")]
    [InlineData("{{ 'a' | trim('b', 'c') }}", 1, "takes 1 argument")]
    [InlineData("{{ [1] | map('upper', x=1) | list }}", 1, "has no argument 'x'")]
    [InlineData("{{ 9223372036854775807 + 1 }}", 1, "64 bits")]
    public void What_cannot_be_rendered_is_one_error_with_the_templates_line(string template, int line, string message)
    {
        JinjaException error = Assert.Throws<JinjaException>(() => Render(template));
        Assert.Equal(line, error.Line);
        Assert.Contains(message, error.Message);
    }

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        "steps")]
    [InlineData("{{ range(1000000000) }}", "a range of")]
    [InlineData("{{ 'a' * 1000000000000 }}", "characters")]
    [InlineData("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deeper than")]
    [InlineData("{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}",
        "deep")]
    [InlineData("{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}", "")]
    public void A_template_that_does_not_end_is_stopped(string template, string message)
    {
        var watch = Stopwatch.StartNew();
        JinjaException error = Assert.Throws<JinjaException>(() => Render(template));
        Assert.Contains(message, error.Message);
        Assert.True(watch.Elapsed.TotalSeconds < 60, $"{watch.Elapsed}");
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    public void Deep_nesting_in_the_source_is_refused_and_crashes_nothing(string opening, string closing)
    {
        JinjaException error = Assert.Throws<JinjaException>(() => Render(
            "{{ " + string.Concat(Enumerable.Repeat(opening, 50_000)) + "1" + string.Concat(Enumerable.Repeat(closing, 50_000)) + " }}"));
        Assert.Contains("nested deeper", error.Message);
    }

    [Fact]
    public void A_long_chain_of_operators_is_refused_and_crashes_nothing() =>
        Assert.Throws<JinjaException>(() => Render("{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 100_000)) + " }}"));

    [Fact]
    public void Text_keeps_where_it_comes_from_through_every_operation()
    {
        const string template = "<|{{ messages[0].role | upper }}|>{{ ('x ' ~ messages[0].content.split('-')[1].replace('b', 'BB') ~ ' y') "
            + "| trim }}" +
            "{% set t %}({{ messages[1].content | tojson }}){% endset %}{{ t[::-1][::-1] }}";
        MarkedText text = Rendered(template, """[{"role": "user", "content": "a-bcb"}, {"role": "assistant", "content": "q\"r"}]""");
        Assert.Equal("<|USER|>x BBcBB y(\"q\\\"r\")", text.Value);
        Assert.Equal(".........." + "..0.." + ".." + ".." + "1111" + "..", Sources(text));
    }

    [Fact]
    public void Generation_blocks_mark_what_they_write_also_inside_macros_and_captured_blocks()
    {
        const string template = "{% macro turn(m) %}[{% generation %}{{ m }}!{% endgeneration %}]{% endmacro %}" +
            "{% set c %}{{ turn('a') }}{% endset %}{{ c }}{% generation %}x{% endgeneration %}y";
        MarkedText text = Rendered(template, "[]");
        Assert.Equal("[a!]xy", text.Value);
        Assert.Equal([false, true, true, false, true, false], Enumerable.Range(0, text.Length).Select(text.IsGenerated));
    }

    [Fact]
    public void The_date_is_told_in_English_in_Cs_format()
    {
        DateTime now = new(2026, 3, 5, 14, 7, 9);
        MarkedText text = JinjaTemplate.Parse("{{ strftime_now('%d %B %Y, %-d %b %y, %A %H:%M:%S %I %p %j %F %%') }}").Render([], now);
        Assert.Equal("05 March 2026, 5 Mar 26, Thursday 14:07:09 02 PM 064 2026-03-05 %", text.Value);
    }

    private static string Sources(MarkedText text) => string.Concat(Enumerable.Range(0, text.Length)
        .Select(i => text.IsTemplate(i) ? "." : text.MessageOf(i) is >= 0 and int message ? message.ToString() : "d"));

    private static string Render(string template) => Rendered(template, "[]").Value;

    private static MarkedText Rendered(string template, string messages)
    {
        using JsonDocument json = JsonDocument.Parse(messages);
        return JinjaTemplate.Parse(template)
            .Render([new("messages", JinjaValue.Messages([.. json.RootElement.EnumerateArray()]))], DateTime.UnixEpoch);
    }
}
