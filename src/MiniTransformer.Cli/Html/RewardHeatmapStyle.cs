using System.Text;

namespace MiniTransformer.Cli.Html;

/// <summary>The style sheet of <see cref="RewardHeatmap"/>.</summary>
internal static class RewardHeatmapStyle
{
    // Dark only on a screen: paper is white. Each token carries its colour, value and running sum of every score in variables; which of
    // them show follows from the radio button that is checked. The details are a pseudo-element below the token that reaches over the
    // whole width of the response, so that they fit wherever the token stands.
    private static readonly string Always =
        ".heat{" + HeatmapScale.Variables(HeatmapScale.Light) + "--heat-line:#868c98;--heat-tip:#16181d;--heat-tip-ink:#fff}\n"
        + "@media screen and (prefers-color-scheme:dark){.heat{" + HeatmapScale.Variables(HeatmapScale.Dark)
        + "--heat-line:#6d7480;--heat-tip:#f4f5f7;--heat-tip-ink:#16181d}}\n"
        + """
        .heat sub{line-height:0}
        .heat-pick{border:0;padding:0;margin:0 0 .75rem;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
        .heat-pick legend{float:left;padding:0;font-weight:600}
        .heat-pick label{cursor:pointer}
        .heat-legend{margin:0 0 1rem;font-size:.875rem;max-width:none}
        .heat-scale{display:inline-flex;flex-wrap:wrap;font-size:.8125rem;font-variant-numeric:tabular-nums}
        .heat-scale span{padding:.15em .45em;white-space:nowrap;color:var(--heat-ink);
        print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .heat-prompt{margin:0 0 1.25rem}
        .heat-prompt>p{margin:0 0 .35rem}
        .heat-prompt code{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}
        .heat-response{margin:0 0 .75rem;padding-left:.75rem;border-left:2px solid var(--heat-line)}
        .heat-head{margin:0 0 .25rem;font-size:.9rem;display:flex;flex-wrap:wrap;gap:0 .9rem;max-width:none}
        .heat-sum{font-variant-numeric:tabular-nums}
        .heat-skip{position:absolute;left:-99rem}
        .heat-skip:focus{position:static}
        .heat-tokens{margin:0;position:relative;display:flex;flex-wrap:wrap;gap:3px;max-width:none;direction:ltr;
        font-family:ui-monospace,SFMono-Regular,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
        .tok{--now:var(--r0,var(--q));--val:var(--vr0,var(--vq));--sum:var(--cr0,var(--cq));
        background:var(--now);color:var(--heat-ink);
        border:1px solid transparent;border-radius:4px;padding:.1em .35em;min-width:2.9em;max-width:100%;text-align:center;
        white-space:pre-wrap;
        overflow-wrap:anywhere;unicode-bidi:isolate;cursor:default;
        break-inside:avoid;print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .tok.marked{border:2px dashed currentColor}
        .tok.cut{border-right:3px dotted currentColor}
        .tok i{display:block;font:normal .72em/1.35 system-ui,sans-serif;font-variant-numeric:tabular-nums;direction:ltr;white-space:nowrap}
        .tok i::before{content:var(--val)}
        .tok i::after{content:"Σ " var(--sum);display:block}
        .heat:has(.pick-sum:not(:checked)) .tok i::after{display:none}
        .tok:hover,.tok:focus-visible{outline:2px solid currentColor;outline-offset:-1px}
        .tok:hover::after,.tok:focus::after{content:attr(aria-label);position:absolute;z-index:1;left:0;margin-top:.4rem;max-width:100%;
        padding:.5em .75em;border-radius:4px;background:var(--heat-tip);color:var(--heat-tip-ink);
        font-size:.78rem;line-height:1.4;text-align:left;
        white-space:pre-wrap;overflow-wrap:anywhere;pointer-events:none}
        .tok:hover::after{z-index:2}
        @media (max-width:38rem){.tok:hover::after,.tok:focus::after{font-size:.66rem;padding:.5em}}
        @media print{.heat-pick,.heat-skip{display:none}.tok:hover::after,.tok:focus::after{display:none}
        .tok:hover,.tok:focus-visible{outline:0}
        .heat-response:not(.long),.heat-head{break-inside:avoid}.heat-head,.heat-prompt>p{break-after:avoid}}

        """;

    /// <summary>The rules for fragments of at most so many references.</summary>
    public static string For(int references)
    {
        string[] keys = [.. Enumerable.Range(0, references).Select(i => $"r{i}"), "q", "s"];
        var css = new StringBuilder(Always);
        css.Append(".heat [class*=\" only-\"]{display:none}\n"); // but for the first score, where no button is checked
        css.Append(".heat .only-").Append(keys[0]).Append("{display:revert}\n");
        for (int i = 0; i < keys.Length; i++)
        {
            string k = keys[i];
            if (i > 0) css.Append($".heat:has(.pick-{k}:checked) .only-{keys[0]}{{display:none}}\n");
            if (i > 0) css.Append($".heat:has(.pick-{k}:checked) .only-{k}{{display:revert}}\n");
            if (i > 0) css.Append($".heat:has(.pick-{k}:checked) .tok{{--now:var(--{k});--val:var(--v{k});--sum:var(--c{k})}}\n");
        }

        return css.ToString();
    }
}
