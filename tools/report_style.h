// The style sheet of the report page.
#pragma once

#include <string_view>

namespace dgsam {

/// c0..c5 are Okabe and Ito's hues, darkened (on light) or lightened (on dark) until text in them reads well: contrast
/// at least 4.7. The first three stay apart under red-green colour blindness; marks and labels tell them apart as well.
inline constexpr std::string_view kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --ink: #1d2126; --soft: #5c636b; --rule: #d9dbd8; --panel: #f3f3ef;
  --c0: #0067a5; --c1: #c24e00; --c2: #007f5f; --c3: #9b3f86; --c4: #7a6200; --c5: #595959;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e4e6e8; --soft: #a0a7ae; --rule: #33383d; --panel: #1e2125;
    --c0: #5ab4ee; --c1: #ff9a4d; --c2: #35cfa0; --c3: #e5a0cc; --c4: #e8d24a; --c5: #b5b5b5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1, h2, .headline { font-family: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, "DejaVu Serif", serif; }
h1 { font-size: 2.1rem; line-height: 1.2; font-weight: 600; margin: 0 0 .75rem; }
h2 { font-size: 1.35rem; font-weight: 600; margin: 3rem 0 .75rem; padding-top: .9rem; border-top: 1px solid var(--rule); }
p { max-width: 72ch; margin: .5rem 0; }
.headline { font-size: 1.2rem; line-height: 1.5; margin: 1.5rem 0; }
.note, figcaption small, caption small { color: var(--soft); font-size: .875rem; }
a { color: var(--c0); }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--c0); outline-offset: 3px; }
nav ul { list-style: none; margin: 1rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .2rem 0 .2rem 1.75rem; text-align: right; white-space: nowrap; }
th { font-weight: 400; }
thead th { font-weight: 600; border-bottom: 1px solid var(--rule); vertical-align: bottom; }
th:first-child { text-align: left; padding-left: 0; }
tbody th[scope=rowgroup] { color: var(--soft); font-size: .875rem; padding-top: .9rem; }
tbody tr.lead th, tbody tr.lead td { font-weight: 600; }
.facts td, .facts th { text-align: left; white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
.pair { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 1.5rem 4rem; align-items: start; }
.curves { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1.5rem 2rem; margin-top: 2rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .95rem; line-height: 1.4; margin-bottom: .5rem; }
figcaption b { display: block; font-weight: 600; }
.pair figure { max-width: 520px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg text.label { font-weight: 600; }
.grid { stroke: var(--rule); }
.axis { stroke: var(--soft); }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
svg .c0, svg .c1, svg .c2, svg .c3, svg .c4, svg .c5 { fill: currentColor; }
.key { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .875rem; font-weight: 600; }
.key span::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .45em;
  background: currentColor; }
.domains { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem 2.5rem; }
.domains figcaption b { display: inline; }
.thumbs { display: flex; flex-wrap: wrap; gap: 4px; }
.thumbs img { width: 48px; height: 48px; object-fit: cover; border-radius: 3px; outline: 1px solid var(--rule); }
.tag { margin-left: .6em; color: var(--soft); font-size: .875rem; }
.tag.unseen { color: var(--ink); border: 1px solid var(--soft); border-radius: 3px; padding: 0 .4em; }
pre { background: var(--panel); padding: .9rem 1.1rem; overflow-x: auto; font-size: .875rem; border-radius: 4px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { margin-top: 1.25rem; }
summary { cursor: pointer; color: var(--soft); }
details table { margin-top: .75rem; }
@media (max-width: 900px) {
  .pair, .curves, .domains { grid-template-columns: minmax(0, 1fr); }
  .curves { gap: 2rem; max-width: 480px; }
}
@media (max-width: 600px) {
  main { padding-top: 1.75rem; }
  h1 { font-size: 1.65rem; }
  .headline { font-size: 1.1rem; }
  table { font-size: .875rem; }
  th, td { padding-left: .8rem; }
  .pair svg text { font-size: 14.5px; }
}
@media print { main { max-width: none; padding: 0; } figure, table { break-inside: avoid; } }
)css";

}  // namespace dgsam
