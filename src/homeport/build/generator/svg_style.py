"""Colours and fonts of the SVG, for light and dark."""

from __future__ import annotations

STYLE = """
svg{--page:#fbfbfd;--ink:#1b2430;--soft:#667085;--box:#fff;--rim:#d3d9e2;--line:#a5b0c0;--entry:#2f6fed;
--entry-box:#eef4ff;--weight:#8fb4f9;--critical:#e8912d;--cycle:#d6336c;--shared:#12a594;--missing:#98a2b3}
@media(prefers-color-scheme:dark){svg{--page:#11151d;--ink:#e7ebf2;--soft:#94a0b3;--box:#1b212d;--rim:#364052;
--line:#56637a;--entry:#6c9dff;--entry-box:#1a2740;--weight:#3f66b5;--critical:#e59a45;--cycle:#f06595;
--shared:#35c7b6;--missing:#6b778c}}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}
.page{fill:var(--page)}.heading{font-size:19px;font-weight:650}.fact{font-size:11px;fill:var(--soft)}
.service text{text-anchor:middle}.name{font-size:13.5px;font-weight:600}
.box{fill:var(--box);stroke:var(--rim);stroke-width:1.2}
.entry .box{fill:var(--entry-box);stroke:var(--entry);stroke-width:1.6}
.outside .box{stroke:var(--soft);stroke-dasharray:1 3;stroke-linecap:round;stroke-width:1.6}
.shared .box{stroke:var(--shared);stroke-width:1.6}
.missing .box{fill:none;stroke:var(--missing);stroke-dasharray:5 4}.missing .name{fill:var(--missing)}
.weight{fill:none;stroke:var(--weight);stroke-width:3;stroke-linecap:round}.critical .weight{stroke:var(--critical)}
.line{fill:none;stroke:var(--line);stroke-width:1.5}.tip{fill:var(--line)}
.optional .line{stroke-dasharray:5 4}
.call.missing .line{stroke:var(--missing);stroke-dasharray:1 4;stroke-linecap:round}
.call.missing .tip{fill:var(--missing)}
.cycle .line{stroke:var(--cycle);stroke-width:1.8}.cycle .tip{fill:var(--cycle)}
"""


def hover_rules(count: int) -> str:
    """Rules by which the calls of the service under the pointer stand out, and all others step back."""
    fade = "svg:has(.service[id]:hover) .call{opacity:.13}\n"
    each = "".join(
        f"svg:has(#s{number}:hover) :is(.f{number},.t{number}){{opacity:1;--line:var(--entry)}}\n"
        for number in range(count)
    )
    return fade + each
