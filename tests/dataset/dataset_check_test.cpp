#include "tools/dataset/dataset_check.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "data/image.h"
#include "tests/temporary_folder.h"
#include "tools/dataset/dataset_stats.h"

using namespace dgsam;

namespace {

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// `spec` with counts that a test can make: as many domains and classes, `images` in each domain.
DatasetSpec scaled(DatasetSpec spec, std::vector<std::vector<std::int64_t>> images) {
  for (std::size_t i = 0; i < spec.vintages.size(); ++i) {
    spec.vintages[i].images = images.at(i);
    spec.vintages[i].class_images.clear();
  }
  return spec;
}

/// Writes a data set of `spec`'s layout: `images[d]` images in domain d, dealt to the classes in turn.
void make_tree(const std::filesystem::path& root, const DatasetSpec& spec, const std::vector<std::int64_t>& images) {
  for (std::size_t d = 0; d < spec.domains.size(); ++d) {
    for (std::int64_t i = 0; i < images[d]; ++i) {
      const std::string& name = spec.classes[static_cast<std::size_t>(i) % spec.classes.size()];
      const std::filesystem::path folder = root / spec.domains[d].name / name;
      std::filesystem::create_directories(folder);
      write_png(folder / (std::to_string(i) + ".png"), Image(4 + static_cast<int>(d), 3));
    }
  }
}

DatasetCheck checked(const DatasetSpec& spec, const std::filesystem::path& root, FileCheckOptions options = {2, {}}) {
  DatasetCheck check = count_dataset(spec, root);
  check_files(check, options);
  return check;
}

/// Two domains, two classes, two images each.
DatasetSpec small_spec() {
  DatasetSpec spec;
  spec.name = "Small";
  spec.root = "small";
  spec.domains = {{.name = "art"}, {.name = "photo"}};
  spec.classes = {"cat", "dog"};
  spec.vintages = {{.name = "as published", .images = {4, 4}, .class_images = {{2, 2}, {2, 2}}}};
  return spec;
}

}  // namespace

TEST_CASE("a small tree in each known layout passes against counts of its size") {
  for (const char* name : {"PACS", "VLCS", "OfficeHome", "DomainNet", "RotatedMNIST", "ColoredMNIST"}) {
    CAPTURE(name);
    const TemporaryFolder dir;
    const auto classes = static_cast<std::int64_t>(find_dataset(name).classes.size());
    std::vector<std::int64_t> images;
    for (std::size_t d = 0; d < find_dataset(name).domains.size(); ++d)
      images.push_back(classes + static_cast<std::int64_t>(d));
    std::vector<std::int64_t> raw = images;
    raw[0] += 3;
    const DatasetSpec spec = scaled(find_dataset(name), {images, raw});
    make_tree(dir / spec.root, spec, images);
    const DatasetCheck check = checked(spec, dataset_root(spec, dir.path()));
    CHECK(check.passed());
    CHECK(check.findings.empty());
    CHECK(failure_summary(check) == "");
    CHECK(check.images[0][0] == 1);
  }
}

TEST_CASE("both vintages of TerraIncognita pass, anything between them does not") {
  const DatasetSpec spec = scaled(find_dataset("TerraIncognita"), {{14, 15, 13, 16}, {12, 13, 11, 14}});
  for (const std::vector<std::int64_t>& images : {spec.vintages[0].images, spec.vintages[1].images}) {
    const TemporaryFolder dir;
    make_tree(dir / spec.root, spec, images);
    const DatasetCheck check = count_dataset(spec, dir / spec.root);
    CHECK(check.as_published());
    CHECK(mentions(check.counts, spec.vintages[images[0] == 14 ? 0 : 1].name));
  }
  const TemporaryFolder dir;
  make_tree(dir / spec.root, spec, {12, 13, 12, 14});
  const DatasetCheck check = count_dataset(spec, dir / spec.root);
  CHECK(!check.as_published());
  CHECK(mentions(check.counts, "location_43 +1"));
  CHECK(mentions(count_tables(check), "2 location_43"));
  CHECK(to_json(check)["domains"][2]["expected"] == 11);
}

TEST_CASE("DomainNet with its duplicates fails, and the list of duplicates names what is left") {
  const std::vector<std::int64_t> clean(6, 345);
  std::vector<std::int64_t> raw = clean;
  raw[0] = 347;
  const DatasetSpec spec = scaled(find_dataset("DomainNet"), {clean, raw});
  const TemporaryFolder dir;
  make_tree(dir / spec.root, spec, raw);
  const std::string first = spec.classes[0], second = spec.classes[1];
  const auto list =
      write_bytes(dir / "list.txt", "clipart/" + first + "/345.png\r\n\nclipart/" + second + "/346.png\nclipart/" +
                                        second + "/999.png\nreal/" + first + "/345.png\n");
  const DatasetCheck check = checked(spec, dir / spec.root, {2, list});
  CHECK(!check.as_published());
  CHECK(!check.passed());
  CHECK(mentions(check.counts, "duplicates have not been removed"));
  REQUIRE(check.found(FileProblem::duplicate) == 2);
  CHECK(check.findings[0].path == (dir / spec.root / "clipart" / first / "345.png").string());
  CHECK(mentions(failure_summary(check), "duplicates 2"));

  for (const Finding& finding : check.findings) std::filesystem::remove(finding.path);
  CHECK(checked(spec, (dir / spec.root).string() + "/", {2, list}).passed());
}

TEST_CASE("a list of duplicates that is none is an error naming it and the line") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  make_tree(dir / "small", spec, {4, 4});
  DatasetCheck check = count_dataset(spec, dir / "small");
  const auto error = [&](const std::string& text) {
    const auto list = write_bytes(dir / "list.txt", text);
    return error_of([&] { check_files(check, {1, list}); });
  };
  CHECK(mentions(error("art/cat/0.png\nphoto.png\n"), "list.txt: line 2 is 'photo.png'"));
  CHECK(mentions(error("\n"), "list.txt: lists no file"));
  CHECK(mentions(error_of([&] { check_files(check, {1, dir / "none.txt"}); }), "none.txt"));
}

TEST_CASE("files that are empty, damaged, cut short, misnamed or not read are listed by path") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  const std::filesystem::path root = dir / "small", cats = root / "art" / "cat";
  make_tree(root, spec, {4, 4});
  const std::string png = read_bytes(cats / "0.png");
  write_bytes(cats / "a-empty.jpg", "");
  write_bytes(cats / "b-text.png", "no image");
  write_bytes(cats / "c-cut.png", png.substr(0, 20));
  write_bytes(cats / "d-named.jpg", png);
  write_bytes(cats / "e-photo.jfif", png);
  write_bytes(cats / "f-notes.txt", "BMW, P5 and MM");
  write_bytes(cats / ".g-hidden.jfif", png);
  write_bytes(root / "art" / "h-loose.png", png);
  write_bytes(root / "readme.png", "no image");
  const DatasetCheck check = checked(spec, root);
  CHECK(check.found(FileProblem::empty) == 1);
  CHECK(check.found(FileProblem::unreadable) == 2);
  CHECK(check.found(FileProblem::wrong_extension) == 1);
  CHECK(check.found(FileProblem::ignored) == 2);
  CHECK(!check.passed());
  const auto json = to_json(check);
  CHECK(json["passed"] == false);
  CHECK(json["files"]["empty"][0]["path"] == (cats / "a-empty.jpg").string());
  CHECK(json["files"]["unreadable"][0]["path"] == (cats / "b-text.png").string());
  CHECK(json["files"]["unreadable"][1]["path"] == (cats / "c-cut.png").string());
  CHECK(json["files"]["wrong_extension"][0]["path"] == (cats / "d-named.jpg").string());
  CHECK(json["files"]["wrong_extension"][0]["detail"] == "PNG");
  CHECK(json["files"]["ignored"][0]["path"] == (cats / "e-photo.jfif").string());
  CHECK(json["files"]["ignored"][1]["path"] == (root / "art" / "h-loose.png").string());
}

TEST_CASE("warnings alone do not fail a check") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  make_tree(dir / "small", spec, {4, 4});
  std::filesystem::rename(dir / "small/art/cat/0.png", dir / "small/art/cat/0.jpg");
  write_bytes(dir / "small/photo/cat/copy.jfif", read_bytes(dir / "small/photo/cat/0.png"));
  const DatasetCheck check = checked(spec, dir / "small");
  CHECK(check.findings.size() == 2);
  CHECK(check.passed());
}

TEST_CASE("a truncated JPEG, PNG or BMP is found, and fails the check") {
  for (const std::string name : {"420.jpg", "rgb.png", "rgb.bmp"}) {
    const std::string whole = read_bytes(std::string(DGSAM_SOURCE_DIR) + "/tests/golden/pil/images/" + name);
    const TemporaryFolder dir;
    const DatasetSpec spec = small_spec();
    make_tree(dir / "small", spec, {4, 4});
    std::filesystem::remove(dir / "small/art/cat/0.png");
    write_bytes(dir / "small/art/cat" / name, whole);
    CHECK(checked(spec, dir / "small").passed());
    write_bytes(dir / "small/art/cat" / name, whole.substr(0, whole.size() * 3 / 4));
    const DatasetCheck check = checked(spec, dir / "small");
    CHECK(check.found(FileProblem::truncated) == 1);
    CHECK(!check.passed());
  }
}

TEST_CASE("WebP and TIFF pass where their libraries are built in, and FIFOs are no images") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  make_tree(dir / "small", spec, {4, 4});
  int unread = 0;
  for (const std::string name : {"lossless.webp", "rgb-lzw.tif", "raw-cmyk.tif"}) {
    std::filesystem::copy_file(std::string(DGSAM_SOURCE_DIR) + "/tests/golden/pil/images/" + name,
                               dir / "small/photo/dog" / name);
    unread += image_libraries().find(name.ends_with(".webp") ? "WebP not" : "TIFF not") != std::string::npos ? 1 : 0;
  }
  REQUIRE(::mkfifo((dir / "small/art/cat/pipe.png").c_str(), 0600) == 0);
  const DatasetCheck check = checked(find_dataset("folder"), dir / "small");
  CHECK(check.found(FileProblem::unreadable) == unread);
  CHECK(check.findings.size() == static_cast<std::size_t>(unread));
  REQUIRE(check.folder.notes.size() == 1);
  CHECK(mentions(check.folder.notes[0], "pipe.png"));
}

TEST_CASE("an image in the wrong class is seen where numbers per class were published") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  make_tree(dir / "small", spec, {4, 4});
  std::filesystem::rename(dir / "small/art/cat/0.png", dir / "small/art/dog/0.png");
  const DatasetCheck check = count_dataset(spec, dir / "small");
  CHECK(!check.as_published());
  CHECK(mentions(count_tables(check), "cat    1 (-1)      2\ndog    3 (+1)      2\n"));
  CHECK(mentions(failure_summary(check), "numbers of images"));
}

TEST_CASE("other domains or classes fail a check, which still counts what is there") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  make_tree(dir / "small", spec, {4, 4});
  std::filesystem::rename(dir / "small/photo", dir / "small/picture");
  const DatasetCheck check = checked(spec, dir / "small");
  CHECK(!check.passed());
  CHECK(mentions(check.names_problem, "'picture' is none of the domains art, photo"));
  CHECK(check.expected() == nullptr);
  CHECK(mentions(count_tables(check), "1 picture       4\n"));
  CHECK(to_json(check)["names_problem"] == check.names_problem);
}

TEST_CASE("a folder of no known data set passes when all its files can be decoded") {
  const TemporaryFolder dir;
  make_tree(dir / "any", small_spec(), {4, 6});
  const DatasetCheck check = checked(find_dataset("folder"), dir / "any");
  CHECK(check.passed());
  CHECK(count_tables(check) ==
        "domain   images\n0 art         4\n1 photo       6\ntotal        10\n\n"
        "class  art  photo\ncat      2      3\ndog      2      3\n");
}

TEST_CASE("long lists of paths are cut on the terminal, never in JSON") {
  const TemporaryFolder dir;
  const DatasetSpec spec = small_spec();
  make_tree(dir / "small", spec, {4, 4});
  for (int i = 10; i < 35; ++i) write_bytes(dir / "small/art/cat" / (std::to_string(i) + ".png"), "");
  const DatasetCheck check = checked(spec, dir / "small");
  const std::string text = findings_text(check, 20);
  CHECK(std::count(text.begin(), text.end(), '\n') == 22);
  CHECK(mentions(text, "Empty files: 25\n"));
  CHECK(mentions(text, "29.png\n  and 5 more"));
  CHECK(to_json(check)["files"]["empty"].size() == 25);
}

TEST_CASE("percentiles are those of the nearest rank") {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Spread spread = spread_of(values);
  CHECK(spread.smallest == 1);
  CHECK(spread.low == 5);
  CHECK(spread.median == 50);
  CHECK(spread.high == 95);
  CHECK(spread.largest == 100);
  CHECK(spread.mean == doctest::Approx(50.5));
  CHECK(spread_of({7}).low == 7);
}

TEST_CASE("a cache holds what fits decoded, then files, then leaves the rest on disk") {
  DatasetStats stats;
  stats.images = 100;
  stats.file_bytes.mean = 10;
  stats.decoded_bytes.mean = 50;
  CHECK(fit_cache(stats, 5000).decoded == 1);
  const CacheFit mixed = fit_cache(stats, 3000);  // half decoded: 50 x 50 + 50 x 10
  CHECK(mixed.decoded == doctest::Approx(0.5));
  CHECK(mixed.compressed == doctest::Approx(0.5));
  CHECK(mixed.on_disk == 0);
  const CacheFit small = fit_cache(stats, 250);
  CHECK(small.decoded == 0);
  CHECK(small.compressed == doctest::Approx(0.25));
  CHECK(small.on_disk == doctest::Approx(0.75));

  stats.images_per_second_core = 200;
  const auto json = to_json(stats, {.cache_gb = 250e-9, .images_per_second = 400});
  CHECK(json["disk_bytes_per_second"].get<double>() == doctest::Approx(0.75 * 400 * 10));
  CHECK(json["decoding_cores"].get<double>() == doctest::Approx(2));
}

TEST_CASE("a sample's sizes, formats and speed are measured, and undecodable files are counted") {
  const TemporaryFolder dir;
  make_tree(dir / "small", small_spec(), {4, 6});  // 4 x 3 and 5 x 3 pixels
  write_bytes(dir / "small/photo/dog/text.png", "no image");
  const ImageFolder folder = open_image_folder(dir / "small");
  const DatasetStats stats = measure_dataset(folder, 512, 2);
  CHECK(stats.images == 11);
  CHECK(stats.sampled == 10);
  CHECK(stats.failed == 1);
  CHECK(stats.width.smallest == 4);
  CHECK(stats.width.median == 5);
  CHECK(stats.decoded_bytes.largest == 45);
  CHECK(stats.formats == std::map<std::string, std::int64_t>{{"PNG", 10}});
  CHECK(stats.images_per_second_core > 0);
  CHECK(stats.images_per_second > 0);
  CHECK(mentions(stats_text(stats, {.cache_gb = 1, .images_per_second = 100}), "keeps 100% of the images decoded"));
  CHECK(measure_dataset(folder, 3, 1).sampled == 3);
  CHECK(mentions(error_of([&] { measure_dataset(folder, 0, 1); }), "--sample 0"));
}
