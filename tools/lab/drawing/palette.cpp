#include "tools/lab/drawing/palette.h"

#include <algorithm>

#include "engine/core/check.h"

namespace dgsam {

namespace {

constexpr std::string_view kDark = "@media (prefers-color-scheme: dark) {\n";

using Theme = std::string_view PaletteColour::*;

std::string variables(Theme theme) {
  std::string text = ":root {";
  for (const PaletteColour& colour : kPalette) {
    text += " --" + std::string(colour.name) + ": " + std::string(colour.*theme) + ";";
  }
  return text + " }\n";
}

std::string coloured(std::string_view css, Theme theme) {
  constexpr std::string_view kOpening = "var(--";
  std::string text;
  for (std::size_t at = css.find(kOpening); at != std::string_view::npos; at = css.find(kOpening)) {
    const std::size_t start = at + kOpening.size(), end = css.find(')', start);
    const std::string_view name = css.substr(start, end - start);
    const auto colour =
        std::find_if(kPalette.begin(), kPalette.end(), [&](const auto& one) { return one.name == name; });
    require(colour != kPalette.end(), "the palette has no colour ", name);
    text += std::string(css.substr(0, at)) + std::string((*colour).*theme);
    css.remove_prefix(end + 1);
  }
  return text += css;
}

}  // namespace

std::string colour_class(int colour) { return "c" + std::to_string(colour % kColours); }

std::string colour_class_rules() {
  std::string css;
  for (int colour = 0; colour < kColours; ++colour) {
    const std::string name = colour_class(colour);
    css += "." + name + " { color: var(--" + name + "); }\n";
  }
  return css;
}

std::string palette_variables() {
  return variables(&PaletteColour::light) + std::string(kDark) + variables(&PaletteColour::dark) + "}\n";
}

std::string themed_style(std::string_view css) {
  return coloured(css, &PaletteColour::light) + std::string(kDark) + coloured(css, &PaletteColour::dark) + "}\n";
}

}  // namespace dgsam
