// Every pixel of every case that tests/golden/pil/make_golden.py recorded from Pillow and torchvision.
#include <doctest/doctest.h>
#include <zlib.h>

#include <array>
#include <fstream>
#include <functional>
#include <sstream>

#include "data/augment.h"
#include "data/image.h"
#include "data/image_file.h"
#include "data/resize.h"
#include "tests/data/golden_source.h"

using namespace dgsam;

namespace {

const std::string kGolden = DGSAM_SOURCE_DIR "/tests/golden/pil/";

std::uint32_t crc(const Image& image) {
  return static_cast<std::uint32_t>(crc32(0, image.rgb.data(), static_cast<unsigned>(image.rgb.size())));
}

/// What the named operation makes of `image`; its parameters are read from `words`.
Image run_case(const std::string& operation, Image image, std::istream& words) {
  const auto number = [&words] {
    int value = 0;
    words >> value;
    return value;
  };
  const auto real = [&words] {
    double value = 0;
    words >> value;
    return value;
  };
  const auto factor = [&real] { return static_cast<float>(real()); };
  const auto box = [&number] { return CropBox{number(), number(), number(), number()}; };
  if (operation == "resize") {
    const int width = number(), height = number();
    return resize_bilinear(image, width, height);
  }
  if (operation == "crop") {
    const CropBox crop = box();
    const int width = number(), height = number();
    return resize_crop(image, crop, width, height);
  }
  if (operation == "train") {
    AugmentDraw draw;
    draw.crop = box();
    draw.flip = number() != 0;
    for (Jitter& jitter : draw.order) jitter = static_cast<Jitter>(number());
    draw.brightness = factor();
    draw.contrast = factor();
    draw.saturation = factor();
    draw.hue = real();
    draw.grayscale = number() != 0;
    return augment(image, draw, number());
  }
  if (operation == "brightness") adjust_brightness(image, factor());
  if (operation == "contrast") adjust_contrast(image, factor());
  if (operation == "saturation") adjust_saturation(image, factor());
  if (operation == "hue") adjust_hue(image, real());
  if (operation == "grey") to_grayscale(image);
  if (operation == "flip") flip_horizontally(image);
  return image;
}

struct Case {
  std::string line, operation;
  Image source;
  DecodeReport report;       // of a source that is a file
  std::istringstream words;  // what follows the source
};

/// Calls `check` with every case whose operation and kind of source (a file or a formula) are the given ones.
/// Returns how many there were.
int for_each_case(const std::string& operations, bool from_files, const std::function<void(Case&)>& check) {
  std::ifstream cases(kGolden + "cases.txt");
  int checked = 0;
  for (Case one; std::getline(cases, one.line);) {
    one.words = std::istringstream(one.line);
    std::string source;
    one.words >> one.operation >> source;
    const bool is_file = source.find('.') != std::string::npos;
    if (is_file != from_files || operations.find(" " + one.operation + " ") == std::string::npos) continue;
    CAPTURE(one.line);
    if ((source.ends_with(".webp") && !have_webp()) || (source.ends_with(".tif") && !have_tiff())) continue;
    if (is_file) {
      one.source = decode_image(kGolden + "images/" + source, &one.report);
    } else {
      int height = 0, seed = 0;
      one.words >> height >> seed;
      one.source = golden_source(std::stoi(source), height, seed);
    }
    check(one);
    ++checked;
  }
  return checked;
}

void check_result(Case& one) {
  const Image result = run_case(one.operation, one.source, one.words);
  std::uint32_t expected = 0;
  one.words >> expected;
  REQUIRE_FALSE(one.words.fail());
  CHECK(crc(result) == expected);
}

}  // namespace

TEST_CASE("resizing equals Pillow's bilinear resize in every pixel") {
  CHECK(for_each_case(" resize ", false, check_result) == 60);
}

TEST_CASE("resizing a crop equals cropping, then resizing, by Pillow") {
  CHECK(for_each_case(" crop ", false, check_result) == 40);
}

TEST_CASE("each colour jitter, grey and flip equal torchvision's over Pillow") {
  CHECK(for_each_case(" brightness contrast saturation hue grey flip ", false, check_result) == 98);
}

TEST_CASE("the whole training transform equals torchvision's for the same draws") {
  CHECK(for_each_case(" train ", false, check_result) == 60);
}

TEST_CASE("decoded files equal Pillow's pixels, whole, cut short and damaged, of every format and mode") {
  const int checked = for_each_case(" decode ", true, [](Case& one) {
    int truncated = 0, width = 0, height = 0;
    std::array<std::uint64_t, 3> sums{}, found{};
    std::uint32_t expected = 0;
    one.words >> truncated >> width >> height >> sums[0] >> sums[1] >> sums[2] >> expected;
    REQUIRE_FALSE(one.words.fail());
    CHECK(one.report.truncated == (truncated != 0));
    CHECK(one.source.width == width);
    CHECK(one.source.height == height);
    for (std::size_t i = 0; i < one.source.rgb.size(); ++i) found[i % 3] += one.source.rgb[i];
    CHECK(found == sums);
    CHECK(crc(one.source) == expected);
  });
  CHECK(checked >= 445 - (have_webp() ? 0 : 6) - (have_tiff() ? 0 : 66));
}

TEST_CASE(
    "files decoded, then resized or put through the training transform, equal Pillow's and torchvision's pixels") {
  CHECK(for_each_case(" resize train ", true, check_result) == 2 * 258);
}
