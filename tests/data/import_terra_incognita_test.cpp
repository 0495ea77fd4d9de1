#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "data/datasets.h"
#include "data/image_folder.h"
#include "data/import.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kCategories = {"bird",  "bobcat",  "car",    "cat",     "coyote",  "dog",
                                              "empty", "opossum", "rabbit", "raccoon", "squirrel"};

/// Writes one annotation file in the spelling of either year.
class Annotations {
 public:
  explicit Annotations(bool text_locations) : text_locations_(text_locations) {}

  void image(const std::string& id, const std::string& file_name, const std::string& location,
             const std::vector<std::string>& categories) {
    const std::string quote = text_locations_ ? "\"" : "";
    images_ << (count_++ ? ", " : "") << R"({"id": ")" << id << R"(", "file_name": ")" << file_name
            << R"(", "height": 747, "location": )" << quote << location << quote << "}";
    for (const std::string& name : categories) {
      const auto category = std::find(kCategories.begin(), kCategories.end(), name) - kCategories.begin();
      annotations_ << (annotated_ ? ", " : "") << R"({"id": ")" << annotated_ << R"(", "image_id": ")" << id
                   << R"(", "category_id": )" << category << R"(, "bbox": [1.5, 2, 3, 4]})";
      ++annotated_;
    }
  }
  fs::path write(const fs::path& path) const {
    std::string categories;
    for (std::size_t i = 0; i < kCategories.size(); ++i)
      categories +=
          (i ? ", " : "") + std::string(R"({"id": )") + std::to_string(i) + R"(, "name": ")" + kCategories[i] + "\"}";
    return write_bytes(path, R"({"info": {"version": "1"}, "images": [)" + images_.str() + R"(], "categories": [)" +
                                 categories + R"(], "annotations": [)" + annotations_.str() + "]}");
  }

 private:
  bool text_locations_;
  std::ostringstream images_, annotations_;
  int count_ = 0, annotated_ = 0;
};

/// Every category at each of the four locations and at one more, an image each, present in `images`.
void add_all(Annotations& annotations, const fs::path& images, const std::string& prefix,
             const std::string& directory = "") {
  for (const std::string location : {"38", "46", "100", "43", "7"}) {
    for (const std::string& category : kCategories) {
      const std::string id = prefix + location + category;
      annotations.image(id, directory + id + ".jpg", location, {category});
      write_bytes(images / (id + ".jpg"), id);
    }
  }
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool has_note(const ImportPlan& plan, const std::string& part) {
  return std::any_of(plan.notes.begin(), plan.notes.end(), [&](const auto& note) { return mentions(note, part); });
}

bool plans(const ImportPlan& plan, const std::string& destination) {
  return std::any_of(plan.items.begin(), plan.items.end(),
                     [&](const ImportItem& item) { return item.destination == destination; });
}

}  // namespace

TEST_CASE("TerraIncognita is built from the annotations of every year: one file, five files, locations as text") {
  const TemporaryFolder dir;
  const fs::path images = dir / "eccv_18_all_images_sm";
  Annotations numbers(false), text(true), half(false), other_half(false);
  add_all(numbers, images, "a");
  add_all(text, images, "a", "some/where/");
  add_all(half, images, "a");
  add_all(other_half, images, "b");
  const fs::path one = numbers.write(dir / "CaltechCameraTrapsECCV18.json");
  const fs::path lila = text.write(dir / "caltech_images_20210113.json");
  const std::vector<fs::path> parts = {half.write(dir / "train_annotations.json"),
                                       other_half.write(dir / "cis_val_annotations.json"), one};

  const ImportPlan plan = plan_terra_incognita(dir.path(), {one});
  CHECK(plan.items.size() == 40);
  CHECK(plans(plan, "location_38/empty/a38empty.jpg"));
  CHECK_FALSE(plans(plan, "location_38/car/a38car.jpg"));
  const ImportPlan same = plan_terra_incognita(images, {lila});
  REQUIRE(same.items.size() == 40);
  CHECK(std::equal(plan.items.begin(), plan.items.end(), same.items.begin(),
                   [](const ImportItem& a, const ImportItem& b) { return a.destination == b.destination; }));
  CHECK(plan_terra_incognita(images, parts).items.size() == 80);

  const ImportResult result = execute_import(plan, dir / "out", LinkKind::kAutomatic, 2);
  CHECK(result.root == dir / "out" / "terra_incognita");
  const ImageFolder folder = open_image_folder(result.root);
  CHECK(mentions(verify_known(folder, find_dataset("TerraIncognita")), "24,330 are expected"));
  CHECK(folder.domains[0].name == "location_100");
  CHECK(folder.domains[0].samples.size() == 10);
}

TEST_CASE("an image of two kept categories goes to both, once each") {
  const TemporaryFolder dir;
  Annotations annotations(false);
  annotations.image("one", "one.jpg", "38", {"bird", "car", "squirrel", "bird"});
  write_bytes(dir / "images" / "one.jpg", "x");
  const ImportPlan plan = plan_terra_incognita(dir / "images", {annotations.write(dir / "a.json")});
  CHECK(plan.items.size() == 2);
  CHECK(plans(plan, "location_38/bird/one.jpg"));
  CHECK(plans(plan, "location_38/squirrel/one.jpg"));
}

TEST_CASE("missing images are counted and the first named; without any the folder is refused") {
  const TemporaryFolder dir;
  Annotations annotations(true);
  for (int i = 0; i < 7; ++i)
    annotations.image("m" + std::to_string(i), "m" + std::to_string(i) + ".jpg", "46", {"cat"});
  annotations.image("other", "other.jpg", "46", {"car"});
  const fs::path file = annotations.write(dir / "a.json");
  fs::create_directories(dir / "images");
  CHECK(mentions(error_of([&] { plan_terra_incognita(dir / "images", {file}); }),
                 "holds none of the 7 annotated images, such as m0.jpg, m1.jpg"));
  write_bytes(dir / "images" / "m3.jpg", "x");
  const ImportPlan plan = plan_terra_incognita(dir / "images", {file, file});
  CHECK(plan.items.size() == 1);
  CHECK(has_note(plan, "6 annotated images are not in"));
  CHECK(has_note(plan, "m0.jpg, m1.jpg, m2.jpg, m4.jpg, m5.jpg, ..."));
}

TEST_CASE("annotations of elsewhere, and file names that leave the folder, are refused") {
  const TemporaryFolder dir;
  fs::create_directories(dir / "images");
  Annotations elsewhere(false);
  elsewhere.image("a", "a.jpg", "7", {"cat"});
  CHECK(mentions(error_of([&] { plan_terra_incognita(dir / "images", {elsewhere.write(dir / "a.json")}); }),
                 "no image is of a location and category of TerraIncognita"));
  CHECK(mentions(error_of([&] { plan_terra_incognita(dir / "absent", {dir / "a.json"}); }), "no such folder"));
  for (const std::string name : {"../a.json", "/etc/passwd", "", "sub/", "."}) {
    Annotations hostile(false);
    hostile.image("a", name, "38", {"cat"});
    const fs::path file = hostile.write(dir / "b.json");
    CHECK(mentions(error_of([&] { plan_terra_incognita(dir / "images", {file}); }), "which is no file of its folder"));
  }
}
