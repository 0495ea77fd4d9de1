// Every pixel of every case that tests/golden/pil/make_golden.py recorded from Pillow and torchvision.
#include <doctest/doctest.h>
#include <zlib.h>

#include <fstream>
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

/// Checks all cases whose operation is in `operations` and returns how many there were.
int check_cases(const std::string& operations) {
  std::ifstream cases(kGolden + "cases.txt");
  int checked = 0;
  for (std::string line; std::getline(cases, line);) {
    std::istringstream words(line);
    std::string operation;
    int width = 0, height = 0, seed = 0;
    words >> operation;
    if (operations.find(" " + operation + " ") == std::string::npos) continue;
    words >> width >> height >> seed;
    const Image result = run_case(operation, golden_source(width, height, seed), words);
    std::uint32_t expected = 0;
    words >> expected;
    REQUIRE_FALSE(words.fail());
    CHECK_MESSAGE(crc(result) == expected, line);
    ++checked;
  }
  return checked;
}

}  // namespace

TEST_CASE("resizing equals Pillow's bilinear resize in every pixel") { CHECK(check_cases(" resize ") == 60); }

TEST_CASE("resizing a crop equals cropping, then resizing, by Pillow") { CHECK(check_cases(" crop ") == 40); }

TEST_CASE("each colour jitter, grey and flip equal torchvision's over Pillow") {
  CHECK(check_cases(" brightness contrast saturation hue grey flip ") == 98);
}

TEST_CASE("the whole training transform equals torchvision's for the same draws") {
  CHECK(check_cases(" train ") == 60);
}

TEST_CASE("decoded files equal Pillow's pixels: JPEG, PNG, BMP, PNM and GIF of every mode") {
  std::ifstream cases(kGolden + "cases.txt");
  int checked = 0;
  for (std::string line; std::getline(cases, line);) {
    std::istringstream words(line);
    std::string operation, name;
    int width = 0, height = 0;
    std::uint32_t expected = 0;
    words >> operation >> name >> width >> height >> expected;
    if (operation != "file") continue;
    const Image image = decode_image(kGolden + "images/" + name);
    CHECK(image.width == width);
    CHECK(image.height == height);
    // stb_image rounds JPEG's transforms differently: without libjpeg-turbo only the size is promised.
    if (have_libjpeg() || !name.ends_with(".jpg")) CHECK_MESSAGE(crc(image) == expected, line);
    ++checked;
  }
  CHECK(checked == 18);
}
