// The colours of drawings: each in one place, for light and dark themes, with and without CSS variables.
#include "tools/lab/drawing/palette.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <regex>

#include "tests/temporary_folder.h"

namespace dgsam {

TEST_CASE("a drawing's style has the light colours, then the dark ones for dark themes, and no variables") {
  const std::string css = themed_style(".a { fill: var(--paper); stroke: var(--c0); }\n");
  CHECK(css ==
        ".a { fill: #fdfdfb; stroke: #0067a5; }\n@media (prefers-color-scheme: dark) {\n"
        ".a { fill: #15171a; stroke: #5ab4ee; }\n}\n");
  CHECK(error_of([] { themed_style("a { fill: var(--pink); }"); }) == "the palette has no colour pink");
}

TEST_CASE("a page's variables are set for both themes") {
  const std::string css = palette_variables();
  for (const PaletteColour& colour : kPalette) {
    for (const std::string_view value : {colour.light, colour.dark}) {
      const std::string setting = " --" + std::string(colour.name) + ": " + std::string(value) + ";";
      CHECK_MESSAGE(css.find(setting) != std::string::npos, setting);
    }
  }
}

TEST_CASE("no colour of the lab's drawings stands outside of the palette") {
  const std::regex colour("#[0-9a-f]{3}([0-9a-f]{3})?\\b");
  const std::filesystem::path lab = std::filesystem::path(DGSAM_SOURCE_DIR) / "tools/lab";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(lab)) {
    if (!entry.is_regular_file() || entry.path().filename() == "palette.h") continue;
    CAPTURE(entry.path().string());
    CHECK_FALSE(std::regex_search(read_bytes(entry.path()), colour));
  }
}

}  // namespace dgsam
