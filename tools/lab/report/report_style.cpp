#include "tools/lab/report/report_style.h"

#include <cstdio>
#include <string_view>

#include "tools/lab/drawing/colour_scale.h"
#include "tools/lab/drawing/palette.h"

namespace dgsam {
namespace {

/// Of the charts, in the page and as files.
constexpr std::string_view kChartStyle =
    R"css(svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg text.label { font-weight: 600; }
.grid { stroke: var(--rule); }
.axis { stroke: var(--soft); }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.line.thin { stroke-width: 1; stroke-opacity: .38; }
.line.dashed { stroke-dasharray: 4 3; }
.whisker { fill: none; stroke: var(--ink); stroke-width: 1.2; }
g .whisker { stroke: currentColor; }
svg .c0, svg .c1, svg .c2, svg .c3, svg .c4, svg .c5 { fill: currentColor; }
)css";

constexpr std::string_view kPageStyle = R"css(* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font-size: 16px; line-height: 1.55;
}
main { max-width: 1120px; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1, h2, h3, .headline { font-family: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, "DejaVu Serif", serif; }
h1 { font-size: 2.1rem; line-height: 1.2; font-weight: 600; margin: 0 0 .75rem; text-wrap: balance; }
h2 { font-size: 1.35rem; font-weight: 600; margin: 3rem 0 .75rem; padding-top: .9rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.1rem; font-weight: 600; margin: 2.25rem 0 .75rem; }
p { max-width: 72ch; margin: .5rem 0; }
.headline { font-size: 1.2rem; line-height: 1.5; margin: 1.5rem 0; }
.findings { border-left: 3px solid var(--rule); padding-left: 1rem; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }
.findings ul { margin: .5rem 0; padding-left: 1.1rem; max-width: 80ch; }
.findings li { margin: .3rem 0; }
.note, figcaption small, caption small { color: var(--soft); font-size: .875rem; }
a { color: var(--c0); }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--c0); outline-offset: 3px; }
.skip { position: absolute; left: -999rem; background: var(--paper); padding: .5rem .75rem; }
.skip:focus { left: .5rem; top: .5rem; z-index: 1; }
nav ul { list-style: none; margin: 1rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .2rem 0 .2rem 1.75rem; text-align: right; white-space: nowrap; }
th { font-weight: 400; }
thead th { font-weight: 600; border-bottom: 1px solid var(--rule); vertical-align: bottom; }
th:first-child { text-align: left; padding-left: 0; }
tbody th[scope=rowgroup] { color: var(--soft); font-size: .875rem; padding-top: .9rem; }
tbody tr.lead th, tbody tr.lead td { font-weight: 600; }
td .error { color: var(--soft); font-weight: 400; font-size: .875em; }
.facts td, .facts th { text-align: left; white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
.facts th { min-width: 7rem; }
.pair { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 1.5rem 4rem; align-items: start; }
.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.5rem 3rem; margin-top: 1.5rem;
  align-items: start; }
.curves { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1.5rem 2rem; margin: 2rem 0 1rem; }
.curves > .note { grid-column: 1 / -1; margin: 0; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .95rem; line-height: 1.4; margin-bottom: .5rem; }
figcaption b { display: block; font-weight: 600; }
.pair figure { max-width: 520px; }
.pair figure + figure { margin-top: 1.5rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.field path { fill-rule: evenodd; }
.scale { max-width: 400px; margin: .5rem 0; }
.panels { width: 100%; min-width: 40rem; table-layout: fixed; }
.panels th, .panels td { padding: 0 0 .6rem .6rem; text-align: left; vertical-align: bottom; }
.panels thead th { border: 0; }
.panels thead small { display: block; color: var(--soft); font-weight: 400; }
.panels thead td { width: 6rem; }
.panels tbody th { font-weight: 600; vertical-align: middle; white-space: normal; padding-left: 0; }
.panels svg { max-width: 190px; outline: 1px solid var(--rule); overflow: hidden; }
.point { fill: var(--white); stroke: var(--black); stroke-width: .6; }
.panels svg text.number { font-size: 5px; fill: var(--white); paint-order: stroke; stroke: var(--black); stroke-width: 1; }
.key { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .875rem; font-weight: 600; }
.key span::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .45em;
  background: currentColor; }
.domains { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem 2.5rem; }
.domains figcaption b { display: inline; }
.domains figcaption small { margin-left: .6em; }
.thumbs { display: flex; flex-wrap: wrap; gap: 4px; }
.thumbs img { width: 48px; height: 48px; object-fit: cover; border-radius: 3px; outline: 1px solid var(--rule); }
.method { font-weight: 600; margin: .75rem 0 .25rem; }
.mistakes { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem .75rem;
  grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
.mistakes li { display: flex; gap: .5rem; align-items: center; font-size: .875rem; line-height: 1.3; min-width: 0; }
.mistakes img { width: 48px; height: 48px; object-fit: cover; border-radius: 3px; outline: 1px solid var(--rule); }
.mistakes span { overflow-wrap: anywhere; min-width: 0; }
.mistakes small { color: var(--soft); }
.confusion { font-size: .875rem; margin-bottom: 1.5rem; }
.confusion td, .confusion thead th { padding-left: .6rem; }
.confusion td { padding-right: .3rem; }
.confusion .right { background: color-mix(in srgb, var(--c2) var(--part), transparent); }
.confusion .wrong { background: color-mix(in srgb, var(--c1) var(--part), transparent); }
.tag { margin-left: .6em; color: var(--soft); font-size: .875rem; }
.tag.unseen { color: var(--ink); border: 1px solid var(--soft); border-radius: 3px; padding: 0 .4em; }
pre { background: var(--panel); padding: .9rem 1.1rem; overflow-x: auto; font-size: .875rem; border-radius: 4px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { margin-top: 1.25rem; }
summary { cursor: pointer; color: var(--soft); }
details table { margin-top: .75rem; }
details ul { overflow-wrap: anywhere; }
@media (max-width: 900px) {
  .pair, .curves, .domains, .columns { grid-template-columns: minmax(0, 1fr); }
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
@media print {
  main { max-width: none; padding: 0; }
  figure, table, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  nav, .skip { display: none; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
}
)css";

/// The middles of the bands, in the colours of the pictures that `landscape` draws.
std::string band_colours() {
  std::string css;
  for (int band = 0; band < kMapBands; ++band) {
    const Rgb colour = colour_at((band + 0.5) / kMapBands);
    char rule[40];
    std::snprintf(rule, sizeof rule, ".v%d { fill: #%02x%02x%02x; }\n", band, colour[0], colour[1], colour[2]);
    css += rule;
  }
  return css;
}

}  // namespace

std::string page_style() {
  return "\n" + palette_variables() +
         ":root { color-scheme: light dark; }\nbody { font-family: " + std::string(kFontFamily) + "; }\n" +
         colour_class_rules() + std::string(kChartStyle) + band_colours() + std::string(kPageStyle);
}

std::string chart_file_style() {
  return "svg { font-family: " + std::string(kFontFamily) + "; }\n" +
         themed_style(".paper { fill: var(--paper); }\n" + colour_class_rules() + std::string(kChartStyle));
}

}  // namespace dgsam
