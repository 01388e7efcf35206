namespace MiniTransformer.Reports;

/// <summary>The style sheet of <see cref="RewardHeatmap"/>.</summary>
internal static class RewardHeatmapStyle
{
    // Dark only on a screen: paper is white.
    internal static readonly string Text =
        ".heat{" + HeatmapScale.Variables(HeatmapScale.Light) + "--heat-line:#868c98;--heat-tip:#16181d;--heat-tip-ink:#fff}\n"
        + "@media screen and (prefers-color-scheme:dark){.heat{" + HeatmapScale.Variables(HeatmapScale.Dark)
        + "--heat-line:#6d7480;--heat-tip:#f4f5f7;--heat-tip-ink:#16181d}}\n"
        + """
        .heat .only-q,.heat .only-s{display:none}
        .heat-pick{border:0;padding:0;margin:0 0 .75rem;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
        .heat-pick legend{float:left;padding:0;font-weight:600}
        .heat-pick label{cursor:pointer}
        .heat-legend{margin:0 0 1rem;font-size:.875rem}
        .heat-scale{display:inline-flex;font-size:.8125rem;font-variant-numeric:tabular-nums}
        .heat-scale span{padding:.15em .45em;white-space:nowrap;color:var(--heat-ink);print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .heat-prompt{margin:0 0 1.25rem;break-inside:avoid}
        .heat-prompt>p{margin:0 0 .35rem}
        .heat-prompt code{white-space:pre-wrap;overflow-wrap:anywhere}
        .heat-response{margin:0 0 .6rem;padding-left:.75rem;border-left:2px solid var(--heat-line)}
        .heat-head{margin:0 0 .2rem;font-size:.9rem;display:flex;flex-wrap:wrap;gap:0 .9rem}
        .heat-sum{font-variant-numeric:tabular-nums}
        .heat-tokens{margin:0;position:relative;display:flex;flex-wrap:wrap;gap:3px;font-family:ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",monospace}
        .tok{--now:var(--r);background:var(--now);color:var(--heat-ink);border:1px solid transparent;border-radius:4px;padding:.1em .4em;min-width:2.6em;
        text-align:center;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;cursor:default;print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .tok::after{content:attr(data-r);display:block;font-size:.72em;font-variant-numeric:tabular-nums}
        .tok:hover,.tok:focus-visible{border-color:currentColor;outline:2px solid currentColor;outline-offset:-1px}
        .tok:hover::before,.tok:focus::before{content:attr(aria-label);position:absolute;z-index:1;left:0;top:calc(100% + 4px);max-width:100%;box-sizing:border-box;
        padding:.35em .6em;border-radius:4px;background:var(--heat-tip);color:var(--heat-tip-ink);font:.8rem/1.4 system-ui,sans-serif;text-align:left;pointer-events:none}
        .heat:has(.pick-q:checked) .tok{--now:var(--q)}
        .heat:has(.pick-s:checked) .tok{--now:var(--s)}
        .heat:has(.pick-q:checked) .tok::after{content:attr(data-q)}
        .heat:has(.pick-s:checked) .tok::after{content:attr(data-s)}
        .heat:has(.pick-q:checked) .only-r,.heat:has(.pick-s:checked) .only-r{display:none}
        .heat:has(.pick-q:checked) .only-q,.heat:has(.pick-s:checked) .only-s{display:revert}
        @media print{.heat-pick{display:none}}

        """;
}
