#include "tools/lab/landscape/landscape_figure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/check.h"
#include "engine/core/letter_case.h"
#include "tools/lab/drawing/svg.h"
#include "tools/lab/landscape/landscape_drawing.h"

namespace dgsam {

namespace {

constexpr double kFirstLine = 30, kLine = 20;  // of the headings
constexpr double kLeastRatio = 1e-6;

}  // namespace

std::string title_of(const Landscape::LossValues& loss) {
  if (loss.role == "total") return "total (of sources)";
  return loss.name + (loss.role == "unseen" ? " (unseen)" : "");
}

std::vector<std::string> headings(const Landscape& landscape, const ColourScale& scale) {
  const auto described = [](const Landscape::Point& point) {
    return upper_case(point.algorithm) + ", " + point.name + ", step " + std::to_string(point.step);
  };
  std::vector<std::string> lines;
  if (landscape.points.size() == 1) {
    lines.push_back("Loss around " + described(landscape.points[0]));
  } else {
    lines.emplace_back(landscape.plane ? "Loss in the plane through three checkpoints"
                                       : "Loss between two checkpoints");
  }
  std::string how;
  if (landscape.random) {
    how = std::string(landscape.plane ? "two random directions" : "a random direction") + ", filter-normalised, seed " +
          std::to_string(landscape.seed) + "; ";
  }
  how += std::string(scale.logarithmic ? "logarithmic" : "linear") + " scale from " + level_text(scale.low) + " to " +
         level_text(scale.high);
  const bool beyond = std::any_of(landscape.losses.begin(), landscape.losses.end(), [&](const auto& loss) {
    return std::any_of(loss.values.begin(), loss.values.end(), [&](const std::vector<double>& row) {
      return std::any_of(row.begin(), row.end(), [&](double value) { return !(value <= scale.high); });
    });
  });
  if (beyond) how += ", clipped";
  lines.push_back(how);
  for (std::size_t i = 0; i < landscape.points.size() && landscape.points.size() > 1; ++i)
    lines.push_back(std::to_string(i + 1) + "  " + described(landscape.points[i]));
  return lines;
}

double headings_height(const std::vector<std::string>& lines) {
  return kFirstLine + kLine * static_cast<double>(lines.size() - 1);
}

void draw_headings(SvgCanvas& canvas, const std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const TextStyle style{.ink = i == 0 ? Ink::ink : Ink::soft, .size = i == 0 ? 17.0 : 12.0, .bold = i == 0};
    canvas.text({16, kFirstLine + kLine * static_cast<double>(i)}, lines[i], style);
  }
}

void draw_mark(SvgCanvas& canvas, Place at, const Landscape& landscape, std::size_t point, const std::string& loss,
               double value) {
  const bool several = landscape.points.size() > 1;
  const std::string hint = landscape.points[point].name + ": " + loss + " " + level_text(value);
  canvas.disc(at, several ? 8 : 4, Ink::white, Ink::black, hint);
  if (several)
    canvas.text({at.x, at.y + 4}, std::to_string(point + 1),
                {.anchor = Anchor::middle, .ink = Ink::black, .size = 11, .bold = true});
}

TextStyle axis_style(Anchor anchor) { return {.anchor = anchor, .ink = Ink::soft, .size = 11}; }

void Frame::draw(SvgCanvas& canvas) const { canvas.rectangle(corner, width, height, {.ink = Ink::soft}); }

void Frame::draw_x_axis(SvgCanvas& canvas, const std::vector<double>& axis, int count, const std::string& name,
                        bool numbers) const {
  for (const double tick : round_ticks(axis.front(), axis.back(), count)) {
    const double place = x(axis, tick);
    canvas.line({{place, bottom()}, {place, bottom() + 4}}, {.ink = Ink::soft});
    if (numbers) canvas.text({place, bottom() + 17}, level_text(tick), axis_style(Anchor::middle));
  }
  if (numbers) canvas.text({corner.x + width / 2, bottom() + 34}, name, axis_style(Anchor::middle));
}

void Frame::draw_y_name(SvgCanvas& canvas, const std::string& name) const {
  TextStyle style = axis_style(Anchor::middle);
  style.upwards = true;
  canvas.text({corner.x - 46, corner.y + height / 2}, name, style);
}

ColourScale scale_of(std::span<const Landscape> landscapes, bool logarithmic, std::optional<double> highest) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  int classes = 0;
  for (const Landscape& landscape : landscapes) {
    classes = std::max(classes, landscape.classes);
    for (const Landscape::LossValues& loss : landscape.losses) {
      for (const std::vector<double>& row : loss.values) {
        for (const double value : row) {
          if (!std::isfinite(value)) continue;
          low = std::min(low, value);
          high = std::max(high, value);
        }
      }
    }
  }
  require(low <= high, "no loss of the landscape is finite: nothing can be drawn; is the checkpoint of a failed run?");
  high = highest.value_or(highest_shown(low, high, classes));
  require(low < high, "the lowest loss is ", low, ": a scale that ends at ", high,
          " shows nothing; choose a higher end");
  // A logarithm needs a distance from 0.
  if (logarithmic) low = std::max(low, high * kLeastRatio);
  return {low, high, logarithmic};
}

std::string landscape_svg(const Landscape& landscape, const ColourScale& scale) {
  return landscape.plane ? plane_svg(landscape, scale) : path_svg(landscape, scale);
}

}  // namespace dgsam
