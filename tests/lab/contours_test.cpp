// Contours against functions whose level sets are known, and the colours of a scale.
#include "tools/lab/drawing/contours.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "tools/lab/drawing/colour_scale.h"

namespace dgsam {
namespace {

Heights heights_of(int columns, int rows, const std::function<double(double, double)>& f) {
  Heights heights(static_cast<std::size_t>(rows));
  for (int j = 0; j < rows; ++j) {
    for (int i = 0; i < columns; ++i) heights[static_cast<std::size_t>(j)].push_back(f(i, j));
  }
  return heights;
}

TEST_CASE("contours of a slope are straight lines at the right places, from border to border") {
  const Heights slope = heights_of(5, 4, [](double x, double y) { return 2 * x + y; });
  const std::vector<Contour> lines = contour_lines(slope, 4.5);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].size() >= 4);
  for (const ContourPoint& point : lines[0]) CHECK(2 * point.x + point.y == doctest::Approx(4.5));
  const double ends[] = {lines[0].front().y, lines[0].back().y};
  CHECK(std::min(ends[0], ends[1]) == 0);
  CHECK(std::max(ends[0], ends[1]) == 3);
  CHECK(contour_lines(slope, 50).empty());
  CHECK(contour_lines(slope, -1).empty());
}

TEST_CASE("contours of a bowl are closed circles, one per basin") {
  const Heights bowl = heights_of(41, 41, [](double x, double y) { return std::hypot(x - 20, y - 20); });
  const std::vector<Contour> lines = contour_lines(bowl, 11.3);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].front().x == lines[0].back().x);
  CHECK(lines[0].front().y == lines[0].back().y);
  double length = 0;
  for (std::size_t i = 1; i < lines[0].size(); ++i) {
    CHECK(std::hypot(lines[0][i].x - 20, lines[0][i].y - 20) == doctest::Approx(11.3).epsilon(0.01));
    length += std::hypot(lines[0][i].x - lines[0][i - 1].x, lines[0][i].y - lines[0][i - 1].y);
  }
  CHECK(length == doctest::Approx(2 * 3.14159265 * 11.3).epsilon(0.01));  // once around
  const Heights two = heights_of(
      41, 21, [](double x, double y) { return std::min(std::hypot(x - 10, y - 10), std::hypot(x - 30, y - 10)); });
  CHECK(contour_lines(two, 6).size() == 2);
}

TEST_CASE("a saddle's lines follow the middle of the cell") {
  for (const double middle : {-0.1, 0.1}) {
    const Heights saddle = {{1 + middle, -1 + middle}, {-1 + middle, 1 + middle}};
    const std::vector<Contour> lines = contour_lines(saddle, 0);
    REQUIRE(lines.size() == 2);
    for (const Contour& line : lines) {
      REQUIRE(line.size() == 2);
      // The corners (0, 0) and (1, 1) are joined when the middle is above: then no line has both its ends near one.
      const double x = (line[0].x + line[1].x) / 2, y = (line[0].y + line[1].y) / 2;
      CHECK(((x < 0.5) == (y < 0.5)) == (middle < 0));
    }
  }
}

TEST_CASE("a cone's regions are discs, closed at the border") {
  const Heights cone = heights_of(41, 41, [](double x, double y) { return -std::hypot(x - 20, y - 20); });
  const auto area = [](const Contour& loop) {
    double twice = 0;
    for (std::size_t i = 0; i < loop.size(); ++i) {
      const ContourPoint a = loop[i], b = loop[(i + 1) % loop.size()];
      twice += a.x * b.y - b.x * a.y;
    }
    return std::abs(twice) / 2;
  };
  const std::vector<Contour> disc = regions_above(cone, -10);
  REQUIRE(disc.size() == 1);
  CHECK(area(disc[0]) == doctest::Approx(3.14159 * 100).epsilon(0.01));
  for (const ContourPoint point : disc[0])
    CHECK(std::hypot(point.x - 20, point.y - 20) == doctest::Approx(10).epsilon(0.01));
  const std::vector<Contour> everything = regions_above(cone, -100);
  REQUIRE(everything.size() == 1);
  CHECK(area(everything[0]) == doctest::Approx(40 * 40));
  CHECK(regions_above(cone, 1).empty());
  const Heights funnel = heights_of(41, 41, [](double x, double y) { return std::hypot(x - 20, y - 20); });
  const std::vector<Contour> ring = regions_above(funnel, 10);  // the whole with a hole
  REQUIRE(ring.size() == 2);
  CHECK(std::abs(area(ring[0]) - area(ring[1])) == doctest::Approx(1600 - 314.159).epsilon(0.01));
}

TEST_CASE("a saddle's regions are joined where its middle is above, and every crossing is used") {
  for (const double middle : {-0.1, 0.1}) {
    const std::vector<Contour> regions = regions_above({{1 + middle, -1 + middle}, {-1 + middle, 1 + middle}}, 0);
    CHECK(regions.size() == (middle > 0 ? 1 : 2));
    std::set<std::pair<double, double>> points;
    for (const Contour& region : regions) {
      for (const ContourPoint point : region) points.insert({point.x, point.y});
    }
    CHECK(points.size() == 6);  // four crossings and the two high corners
  }
}

TEST_CASE("a place without a height is left out of every region, and no line leads around it") {
  Heights heights = heights_of(3, 3, [](double, double) { return 1; });
  heights[0][0] = std::nan("");
  const std::vector<Contour> all = regions_above(heights, -std::numeric_limits<double>::infinity());
  REQUIRE(all.size() == 1);
  for (const ContourPoint point : all[0]) CHECK(point.x + point.y >= 1);
  CHECK(contour_lines(heights, 0).empty());
}

TEST_CASE("a scale's positions are even in the value or in its logarithm, and bounded") {
  const ColourScale linear{.low = 1, .high = 3, .logarithmic = false}, log{.low = 0.1, .high = 10, .logarithmic = true};
  CHECK(linear.position(1.5) == doctest::Approx(0.25));
  CHECK(log.position(1) == doctest::Approx(0.5));
  CHECK(log.position(0.1) == 0);
  CHECK(log.position(10) == doctest::Approx(1));
  CHECK(log.position(0) == -1);
  for (const double value : {std::numeric_limits<double>::infinity(), std::nan("")}) CHECK(log.position(value) == 2);
}

TEST_CASE("levels are few, round, ascending and within the scale") {
  CHECK(ColourScale{0.9, 110, true}.levels() == std::vector<double>{1, 2, 3, 5, 10, 20, 30, 50, 100});
  for (const ColourScale scale : {ColourScale{2, 11.5, true}, ColourScale{1e-5, 1e4, true}, ColourScale{2, 2.1, true},
                                  ColourScale{0, 7, false}, ColourScale{0.3, 0.9, true}}) {
    const std::vector<double> levels = scale.levels();
    CAPTURE(scale.low);
    CHECK(levels.size() >= 3);
    CHECK(levels.size() <= 11);
    for (std::size_t i = 0; i < levels.size(); ++i) {
      CHECK(levels[i] >= scale.low);
      CHECK(levels[i] <= scale.high);
      if (i > 0) CHECK(levels[i] > levels[i - 1]);
    }
  }
}

TEST_CASE("the colours grow lighter all the way, from dark to light") {
  const auto luminance = [](double position) {
    double sum = 0;
    const double weights[] = {0.2126, 0.7152, 0.0722};
    for (std::size_t c = 0; c < 3; ++c) sum += weights[c] * std::pow(colour_at(position)[c] / 255.0, 2.2);
    return sum;
  };
  CHECK(luminance(0) < 0.05);
  CHECK(luminance(1) > 0.75);
  for (int i = 0; i < 50; ++i) CHECK(luminance((i + 1) / 50.0) > luminance(i / 50.0));
  CHECK(colour_at(-1) == colour_at(0));
  CHECK(colour_at(2) == colour_at(1));
}

}  // namespace
}  // namespace dgsam
