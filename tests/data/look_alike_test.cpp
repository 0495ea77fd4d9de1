#include "data/look_alike.h"

#include <doctest/doctest.h>

#include "data/image_folder.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

// The same words composed (NFC) and decomposed (NFD).
const std::vector<std::pair<std::string, std::string>> kPairs = {
    {"caf\u00E9", "cafe\u0301"},                               // Latin
    {"\u1EC7", "e\u0323\u0302"},                               // two accents
    {"\u0439\u043E\u0433", "\u0438\u0306\u043E\u0433"},        // Cyrillic
    {"\u304C", "\u304B\u3099"},                                // kana
    {"\uD55C\uAE00", "\u1112\u1161\u11AB\u1100\u1173\u11AF"},  // Hangul
};

}  // namespace

TEST_CASE("names that differ in composition only look alike, and are told apart when spelled out") {
  for (const auto& [composed, decomposed] : kPairs) {
    CHECK(look_alike(composed, decomposed));
    CHECK(look_alike(decomposed, composed));
    CHECK_FALSE(look_alike(composed, composed));
    CHECK(spelled_out(composed) != spelled_out(decomposed));
  }
  CHECK(spelled_out("cafe\u0301") == "cafe\\u0301");
  CHECK(spelled_out("a\xFFz") == "a\\xFFz");
  for (const auto& [a, b] :
       {std::pair{"cafe", "cafe\u0301"}, {"caf\u00E9", "cafes"}, {"a", "b"}, {"", "a"}, {"\xFF", "a"}})
    CHECK_FALSE(look_alike(a, b));
  CHECK(look_alike_note("dog", {"cat", "cow"}) == "");
}

TEST_CASE("class folders of one name in two normalisations: the error shows them apart") {
  const TemporaryFolder dir;
  write_bytes(dir / "art" / "caf\u00E9" / "1.png", "");
  write_bytes(dir / "photo" / "cafe\u0301" / "1.png", "");
  const std::string error = error_of([&] { open_image_folder(dir.path()); });
  CHECK(error.find("caf\\u00E9") != std::string::npos);
  CHECK(error.find("cafe\\u0301") != std::string::npos);
  CHECK(error.find("NFD") != std::string::npos);
}
