#include "data/image.h"

#include <doctest/doctest.h>

#include <string>

#include "data/image_file.h"
#include "tests/data/golden_source.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

const std::string kImages = DGSAM_SOURCE_DIR "/tests/golden/pil/images/";

std::span<const std::uint8_t> first_bytes(const std::vector<std::uint8_t>& bytes, std::size_t count) {
  return std::span(bytes).first(count);
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the size that a header tells is the size that decoding gives, for files of every mode") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kImages)) {
    CAPTURE(entry.path().string());
    Image image;
    const std::string problem = error_of([&] { image = decode_image(entry.path()); });
    if (!problem.empty()) continue;
    CHECK(image_size(entry.path()) == ImageSize{image.width, image.height});
    ++files;
  }
  CHECK(files > 100);
  const TemporaryFolder dir;
  const std::string path = write_bytes(dir / "a.jpg", "no image").string();
  CHECK(error_of([&] { image_size(path); }).find(path) == 0);
}

TEST_CASE("a written PNG reads back unchanged, also in folders and sizes that are odd") {
  const TemporaryFolder dir;
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {64, 33}}) {
    const Image image = golden_source(width, height, 9);
    write_png(dir / "Ünïcode name.png", image);
    CHECK(decode_image(dir / "Ünïcode name.png") == image);
  }
}

TEST_CASE("the content decides the format, not the extension") {
  const TemporaryFolder dir;
  write_png(dir / "really-a-png.jpg", golden_source(8, 8, 1));
  CHECK(decode_image(dir / "really-a-png.jpg") == golden_source(8, 8, 1));
  std::filesystem::copy_file(kImages + "420.jpg", dir / "really-a-jpeg.png");
  CHECK(decode_image(dir / "really-a-jpeg.png").width == 33);
}

TEST_CASE("a JPEG cut short is decoded as far as it goes and reported, one cut in its header is an error") {
  if (!have_libjpeg()) return;
  for (const char* name : {"420.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"}) {
    const std::vector<std::uint8_t> bytes = read_file(kImages + name);
    DecodeReport report;
    const Image whole = decode_image(bytes, name, &report);
    CHECK(report.format == ImageFormat::jpeg);
    CHECK_FALSE(report.truncated);
    const Image part = decode_image(first_bytes(bytes, bytes.size() - 60), name, &report);
    CHECK(report.truncated);
    CHECK(part.width == whole.width);
    CHECK(part.height == whole.height);
    CHECK_FALSE(part == whole);
    for (const std::size_t kept : {3, 40, 200})
      CHECK(mentions(error_of([&] { decode_image(first_bytes(bytes, kept), name); }), name));
  }
}

TEST_CASE("a file of any other format that is cut short is an error that names it") {
  for (const char* name : {"rgb.png", "palette.png", "alpha.png", "rgb.bmp", "palette.bmp", "rgb.ppm", "grey.pgm"}) {
    const std::vector<std::uint8_t> whole = read_file(kImages + name);
    REQUIRE_NOTHROW(decode_image(whole, name));
    for (const double part : {0.1, 0.3, 0.6, 0.9}) {
      const auto kept = static_cast<std::size_t>(part * static_cast<double>(whole.size()));
      CAPTURE(name);
      CAPTURE(kept);
      CHECK(mentions(error_of([&] { decode_image(first_bytes(whole, kept), name); }), name));
    }
  }
}

TEST_CASE("missing, empty and foreign files and directories are errors that name the path") {
  const TemporaryFolder dir;
  CHECK(mentions(error_of([&] { decode_image(dir / "none.png"); }), "none.png"));
  CHECK(mentions(error_of([&] { decode_image(write_bytes(dir / "empty.png", "")); }), "empty.png: the file is empty"));
  CHECK(mentions(error_of([&] { decode_image(write_bytes(dir / "text.png", "not an image at all")); }), "text.png"));
  CHECK(mentions(error_of([&] { decode_image(write_bytes(dir / "half.jpg", "\xFF\xD8\xFF")); }), "half.jpg"));
  CHECK(mentions(error_of([&] { decode_image(dir.path()); }), "is a directory"));
  CHECK(mentions(error_of([&] { write_png(dir / "no/such/folder.png", Image(2, 2)); }), "folder.png"));
}

TEST_CASE("a header that claims an absurd size is refused before memory is asked for") {
  const std::string ppm = "P6\n99999 99999\n255\nabc";
  const std::vector<std::uint8_t> bytes(ppm.begin(), ppm.end());
  CHECK(mentions(error_of([&] { decode_image(bytes, "bomb.ppm"); }), "claims 99999 x 99999"));
  std::vector<std::uint8_t> jpeg = read_file(kImages + "grey.jpg");
  for (std::size_t at = 0; at + 8 < jpeg.size(); ++at) {
    if (jpeg[at] == 0xFF && jpeg[at + 1] == 0xC0) std::fill_n(&jpeg[at + 5], 4, std::uint8_t{0xFD});  // height, width
  }
  CHECK(mentions(error_of([&] { decode_image(jpeg, "bomb.jpg"); }), "bomb.jpg"));
}
