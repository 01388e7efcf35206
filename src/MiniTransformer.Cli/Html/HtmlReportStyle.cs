namespace MiniTransformer.Cli.Html;

/// <summary>The style sheet of <see cref="HtmlReport"/>.</summary>
internal static class HtmlReportStyle
{
    // Better and worse are told by a sign before they are told by colour. Dark only on a screen: paper is white.
    internal const string Text =
        """
        :root{color-scheme:light dark;--page:#fff;--text:#16181d;--soft:#565d69;--line:#d9dce1;
        --panel:#f5f6f8;--link:#005a9c;--good:#005f9e;--bad:#a34700}
        @media screen and (prefers-color-scheme:dark){:root{--page:#14171b;--text:#e6e8eb;--soft:#a3abb7;
        --line:#343941;--panel:#1d2126;--link:#7dbcf5;--good:#7dbcf5;--bad:#f5a25e}}
        *{box-sizing:border-box}
        body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:62rem;
        background:var(--page);color:var(--text);
        font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;overflow-wrap:break-word}
        .wide{max-width:90rem}
        .wide table{font-size:.8125rem}
        .wide th,.wide td{padding:.25rem .45rem}
        h1{font-size:1.75rem;line-height:1.2;margin:0 0 .75rem}
        h2{font-size:1.25rem;line-height:1.3;margin:2.5rem 0 .75rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
        p{margin:0 0 .75rem;max-width:46rem}
        a{color:var(--link)}
        :focus-visible{outline:2px solid var(--link);outline-offset:2px}
        nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:1rem 0 0;padding:0}
        .note{color:var(--soft);font-size:.875rem}
        .scroll{overflow-x:auto;margin:0 0 .5rem}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9375rem}
        caption{text-align:left;font-weight:600;padding:0 0 .4rem}
        th,td{padding:.3rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line);font-weight:400}
        thead th{font-weight:600;border-bottom:2px solid var(--line);vertical-align:bottom}
        th:first-child{text-align:left;padding-left:0;position:sticky;left:0;background:var(--page)}
        tbody tr:hover,tbody tr:hover th{background:var(--panel)}
        .verdicts{list-style:none;margin:0 0 1.5rem;padding:0;max-width:52rem}
        .verdicts li{padding:.3rem 0 .3rem 1.6rem;position:relative}
        .verdicts li::before{position:absolute;left:0}
        .better::before{content:"▲ ";color:var(--good)}
        .worse::before{content:"▼ ";color:var(--bad)}
        .unclear::before{content:"○ ";color:var(--soft)}
        .unmeasured::before{content:"· ";color:var(--soft)}
        td.better{color:var(--good)}
        td.worse{color:var(--bad)}
        td.unclear{color:var(--soft)}
        td.better::before,td.worse::before,td.unclear::before{font-size:.75em}
        details{margin:0 0 .75rem}
        summary{cursor:pointer;padding:.3rem 0;font-weight:600;color:var(--link)}
        details[open]>summary{margin-bottom:.5rem}
        figure{margin:0 0 2rem;max-width:46rem}
        figcaption{margin:0 0 .25rem}
        .chart{display:block;width:100%;min-width:33rem;height:auto}
        dl{margin:0 0 1rem}
        dl div{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:0 1rem;padding:.2rem 0;border-bottom:1px solid var(--line)}
        dt{color:var(--soft)}
        dd{margin:0;overflow-wrap:anywhere}
        pre{overflow-x:auto;background:var(--panel);padding:.75rem 1rem;border-radius:6px;font-size:.85rem;line-height:1.45}
        code{font-family:ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",monospace}
        @media (max-width:38rem){dl div{grid-template-columns:1fr}h1{font-size:1.4rem}
        th{white-space:normal}tbody th{min-width:7rem;max-width:9rem}}
        @media print{details::details-content{content-visibility:visible;block-size:auto}summary{list-style:none;color:inherit}
        body{max-width:none;padding:0;font-size:10pt}nav{display:none}
        h2{break-after:avoid}figure,tr,dl div,.verdicts li{break-inside:avoid}
        .scroll{overflow:visible}caption,summary{break-after:avoid}.broad{page:broad}.note{font-size:8.5pt}
        th:first-child{position:static}.chart{min-width:0}
        table{font-size:8.5pt}th,td,.wide th,.wide td{padding:.15rem .4rem}.wide table{font-size:8pt}
        .broad thead th{white-space:normal}.broad th:first-child{min-width:9rem}pre{white-space:pre-wrap}figure{max-width:16cm}}
        @page{margin:16mm 14mm}
        @page broad{size:landscape;margin:12mm}

        """;
}
