#include "data/camera_traps.h"

#include <doctest/doctest.h>

#include <cstdint>

#include "engine/core/check.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

const std::string kOld = R"({
  "info": {"version": "1"}, "licenses": [],
  "categories": [{"id": 6, "name": "bobcat"}, {"id": 30, "name": "empty"}],
  "images": [
    {"id": "a-1", "file_name": "a-1.jpg", "location": 38, "width": 1024, "date_captured": "2012-03-17"},
    {"id": "a-2", "file_name": "a-2.jpg", "location": 100},
    {"id": "a-3", "file_name": "a-3.jpg"}],
  "annotations": [
    {"id": "x", "image_id": "a-2", "category_id": 30},
    {"id": "y", "image_id": "a-1", "category_id": 30, "bbox": [1, 2, 3.5, 4]},
    {"id": "z", "image_id": "a-1", "category_id": 6, "bbox": [[{"id": 1}], 2]},
    {"id": "w", "image_id": "a-1", "category_id": 6},
    {"id": "v", "image_id": "nowhere", "category_id": 6}]})";

std::string replaced(std::string text, const std::string& part, const std::string& with) {
  const std::size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), with);
}

/// The error of parsing `text`, which must be the project's own.
std::string complaint(const std::string& text) {
  try {
    parse_annotations(text, "file.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("annotations are joined to their images, each category once, whatever else a file holds") {
  const TrapAnnotations found = parse_annotations(kOld, "file.json");
  CHECK(found.categories == std::vector<std::string>{"bobcat", "empty"});
  REQUIRE(found.images.size() == 3);
  CHECK(found.images[0].file_name == "a-1.jpg");
  CHECK(found.images[0].location == "38");
  CHECK(found.images[0].categories == std::vector<int>{0, 1});
  CHECK(found.images[1].location == "100");
  CHECK(found.images[1].categories == std::vector<int>{1});
  CHECK(found.images[2].location.empty());
  CHECK(found.images[2].categories.empty());
  CHECK(found.without_image == 1);
}

TEST_CASE("locations and ids may be text or numbers") {
  const TrapAnnotations newer = parse_annotations(replaced(kOld, "\"location\": 38", "\"location\": \"38\""), "f");
  CHECK(newer.images[0].location == "38");
  const std::string numbered = replaced(replaced(kOld, "\"id\": \"a-2\"", "\"id\": 2"), "\"a-2\",", "2,");
  CHECK(parse_annotations(numbered, "f").images[1].categories == std::vector<int>{1});
  CHECK(parse_annotations(replaced(kOld, "\"location\": 38", "\"location\": null"), "f").images[0].location.empty());
}

TEST_CASE("an image listed twice counts once, an id of two images is an error") {
  const std::string entry = R"({"id": "a-2", "file_name": "a-2.jpg", "location": 100},)";
  CHECK(parse_annotations(replaced(kOld, entry, entry + entry), "f").images.size() == 3);
  const std::string text = complaint(replaced(kOld, entry, entry + replaced(entry, "100", "43")));
  CHECK(mentions(text, "file.json: images[2] repeats the id a-2"));
}

TEST_CASE("malformed annotations are errors that name the file and the place") {
  CHECK(mentions(complaint(""), "file.json: cannot be read as JSON: parse error at line 1, column 1"));
  CHECK(mentions(complaint("{\n\"images\": [,]}"), "line 2, column 12"));
  CHECK(mentions(complaint(kOld.substr(0, kOld.size() / 2)), "unexpected end of input"));
  CHECK(mentions(complaint(kOld + "{}"), "cannot be read as JSON"));
  CHECK(mentions(complaint("{\"images\": [\"\xff\"]}"), "UTF-8"));
  CHECK(mentions(complaint("[]"), "is not a JSON object"));
  CHECK(mentions(complaint("{}"), "has no list \"categories\""));
  CHECK(mentions(complaint(replaced(kOld, "\"images\"", "\"pictures\"")), "has no list \"images\""));
  CHECK(mentions(complaint(R"({"categories": [], "images": {}, "annotations": []})"), "has no list \"images\""));
  CHECK(
      mentions(complaint(R"({"categories": [7], "images": [], "annotations": []})"), "categories[0] is not an object"));
  CHECK(mentions(complaint(replaced(kOld, "\"a-3.jpg\"", "3")), "images[2].file_name is not text"));
  CHECK(mentions(complaint(replaced(kOld, "\"id\": \"a-3\",", "")), "images[2] has no \"id\""));
  CHECK(mentions(complaint(replaced(kOld, "\"location\": 38", "\"location\": [38]")), "images[0].location is neither"));
  CHECK(mentions(complaint(replaced(kOld, "\"location\": 38", "\"location\": 3.5")), "images[0].location is neither"));
  CHECK(mentions(complaint(replaced(kOld, "\"location\": 38", "\"location\": 1e999")), "cannot be read as JSON"));
  CHECK(mentions(complaint(replaced(kOld, "\"id\": 30", "\"id\": 6")), "categories[1] repeats the id 6"));
  CHECK(mentions(complaint(replaced(kOld, "\"category_id\": 30", "\"category_id\": 99999999999999999999")),
                 "annotations[0].category_id is neither"));
  CHECK(mentions(complaint(replaced(kOld, "\"category_id\": 30", "\"category_id\": 31")),
                 "annotations[0] has category_id 31, which is none"));
  CHECK(mentions(complaint(replaced(kOld, "\"image_id\": \"a-2\"", "\"image_id\": null")), "annotations[0].image_id"));
  CHECK(mentions(complaint(std::string(100'000, '[')), "cannot be read as JSON"));
}

TEST_CASE("every truncation and every changed byte is read or refused, never worse") {
  for (std::size_t size = 0; size < kOld.size(); ++size) CHECK_FALSE(complaint(kOld.substr(0, size)).empty());
  int refused = 0;
  for (std::size_t at = 0; at < kOld.size(); ++at) {
    for (const char byte : {'\0', '"', '9', '{', ']', '\xC3'}) {
      std::string changed = kOld;
      changed[at] = byte;
      refused += !complaint(changed).empty();
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("a file is read, and named when it is missing") {
  const TemporaryFolder dir;
  CHECK(read_annotations(write_bytes(dir / "a.json", kOld)).images.size() == 3);
  CHECK(mentions(error_of([&] { read_annotations(dir / "b.json"); }), dir.file("b.json") + ": cannot be opened"));
}
