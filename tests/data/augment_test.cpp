#include "data/augment.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "engine/core/check.h"
#include "tests/data/golden_source.h"

using namespace dgsam;

TEST_CASE("drawn crops lie inside the image, with torchvision's share of area and shape") {
  for (const auto& [width, height] : {std::pair{500, 375}, {375, 500}, {227, 227}, {32, 32}, {7, 5}}) {
    for (std::uint64_t draw = 0; draw < 300; ++draw) {
      RandomStream random(5, "augment", draw);
      const CropBox crop = draw_augmentation(random, width, height).crop;
      REQUIRE(crop.x >= 0);
      REQUIRE(crop.y >= 0);
      REQUIRE(crop.x + crop.width <= width);
      REQUIRE(crop.y + crop.height <= height);
      if (width < 100) continue;  // rounding blurs the bounds of small ones
      const double area = static_cast<double>(crop.width) * crop.height / (static_cast<double>(width) * height);
      const double ratio = static_cast<double>(crop.width) / crop.height;
      CHECK(area > 0.69);
      CHECK(ratio > 0.74);
      CHECK(ratio < 1.35);
    }
  }
}

TEST_CASE("an image too long for any crop gets the widest centred one") {
  RandomStream random(1, "augment");
  CHECK(draw_augmentation(random, 1000, 30).crop == CropBox{480, 0, 40, 30});
  CHECK(draw_augmentation(random, 30, 1000).crop == CropBox{0, 480, 30, 40});
  CHECK(draw_augmentation(random, 1, 1).crop == CropBox{0, 0, 1, 1});
}

TEST_CASE("flip, grey, jitter orders and factors have the protocol's frequencies") {
  constexpr int kDraws = 24000;
  int flips = 0, greys = 0;
  std::map<std::array<Jitter, 4>, int> orders;
  double brightness = 0, hue = 0;
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    RandomStream random(3, "augment", draw);
    const AugmentDraw one = draw_augmentation(random, 64, 48);
    flips += one.flip;
    greys += one.grayscale;
    ++orders[one.order];
    brightness += one.brightness;
    hue += one.hue;
    for (const float factor : {one.brightness, one.contrast, one.saturation}) {
      REQUIRE(factor >= 0.7f);
      REQUIRE(factor <= 1.3f);
    }
    REQUIRE(std::fabs(one.hue) <= 0.3);
  }
  CHECK(std::abs(flips - kDraws / 2) < 400);  // five standard deviations
  CHECK(std::abs(greys - kDraws / 10) < 240);
  CHECK(std::fabs(brightness / kDraws - 1) < 0.006);
  CHECK(std::fabs(hue / kDraws) < 0.006);
  CHECK(orders.size() == 24);
  for (const auto& [order, count] : orders) CHECK(std::abs(count - kDraws / 24) < 160);
}

TEST_CASE("a crop of the output's own size is a copy, and a box outside the image is refused") {
  const Image image = golden_source(40, 30, 2);
  const Image crop = resize_crop(image, {5, 7, 20, 11}, 20, 11);
  for (int y = 0; y < 11; ++y) CHECK(std::equal(crop.row(y), crop.row(y) + 60, image.row(y + 7) + 15));
  CHECK_THROWS_AS(resize_crop(image, {30, 0, 11, 5}, 8, 8), Error);
  CHECK_THROWS_AS(resize_crop(image, {0, 0, 0, 5}, 8, 8), Error);
  CHECK_THROWS_AS(resize_bilinear(image, 0, 8), Error);
}
