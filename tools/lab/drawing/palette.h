// The colours of every drawing and of the report's page: each stands here once, for light and for dark themes.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace dgsam {

struct PaletteColour {
  std::string_view name, light, dark;
};

/// c0..c5 are Okabe and Ito's hues, darkened (on light) or lightened (on dark) until text in them reads well: contrast
/// at least 4.7. The first three stay apart under red-green colour blindness; marks and labels tell them apart as well.
/// white and black lie on maps, whose colours are the same in both themes.
inline constexpr std::array<PaletteColour, 14> kPalette{{{"paper", "#fdfdfb", "#15171a"},
                                                         {"ink", "#1d2126", "#e4e6e8"},
                                                         {"soft", "#5c636b", "#a0a7ae"},
                                                         {"rule", "#d9dbd8", "#33383d"},
                                                         {"panel", "#f3f3ef", "#1e2125"},
                                                         {"shade", "#35597c", "#a9c8e6"},
                                                         {"white", "#ffffff", "#ffffff"},
                                                         {"black", "#0b0d10", "#0b0d10"},
                                                         {"c0", "#0067a5", "#5ab4ee"},
                                                         {"c1", "#c24e00", "#ff9a4d"},
                                                         {"c2", "#007f5f", "#35cfa0"},
                                                         {"c3", "#9b3f86", "#e5a0cc"},
                                                         {"c4", "#7a6200", "#e8d24a"},
                                                         {"c5", "#595959", "#b5b5b5"}}};

/// Colours of series; index i is drawn in colour i % kColours.
inline constexpr int kColours = 6;

/// "c0" to "c5".
std::string colour_class(int colour);
/// The rules that give these classes their colours, as currentColor.
std::string colour_class_rules();

inline constexpr std::string_view kFontFamily =
    R"(system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif)";

/// For a page whose style sheet says var(--paper): the rules that set these variables, light and dark.
std::string palette_variables();

/// For a drawing of its own: `css` with the colours in the place of var(--paper) and so on, then once more with the
/// dark ones for dark themes. Viewers that know no variables and no themes (librsvg, Inkscape) show the light ones.
std::string themed_style(std::string_view css);

}  // namespace dgsam
