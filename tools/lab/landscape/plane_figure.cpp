#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/lab/drawing/contours.h"
#include "tools/lab/drawing/svg.h"
#include "tools/lab/landscape/landscape_drawing.h"

namespace dgsam {

namespace {

constexpr double kLeft = 66, kBottom = 50, kBar = 104;    // margins; the colour bar is in the right one
constexpr double kPanel = 216, kAcross = 22, kDown = 52;  // panels and what is between them

class PlaneFigure final : public LandscapeFigure {
 public:
  PlaneFigure(const Landscape& landscape, const ColourScale& scale)
      : landscape_(landscape),
        scale_(scale),
        headings_(headings(landscape, scale)),
        columns_(std::min<std::size_t>(3, landscape.losses.size())),
        rows_((landscape.losses.size() + columns_ - 1) / columns_),
        top_(headings_height(headings_) + 38) {}

  double width() const override { return corner(columns_ - 1).x + kPanel + kBar; }
  double height() const override { return corner(columns_ * (rows_ - 1)).y + kPanel + kBottom; }

  void draw(Canvas& canvas) const override {
    draw_headings(canvas, headings_);
    for (std::size_t k = 0; k < landscape_.losses.size(); ++k) draw_panel(canvas, k);
    draw_bar(canvas);
  }

 private:
  Place corner(std::size_t panel) const {
    return {kLeft + static_cast<double>(panel % columns_) * (kPanel + kAcross),
            top_ + static_cast<double>(panel / columns_) * (kPanel + kDown)};
  }
  /// Of coordinates in the plane, inside the panel; y goes up.
  Place place(Place corner, double x, double y) const {
    const std::vector<double>&xs = landscape_.x, &ys = landscape_.y;
    return {corner.x + kPanel * (x - xs.front()) / (xs.back() - xs.front()),
            corner.y + kPanel * (ys.back() - y) / (ys.back() - ys.front())};
  }
  /// Of a place in grid steps.
  Place grid_place(Place corner, ContourPoint at) const {
    return {corner.x + kPanel * at.x / static_cast<double>(landscape_.x.size() - 1),
            corner.y + kPanel * (1 - at.y / static_cast<double>(landscape_.y.size() - 1))};
  }

  std::vector<std::vector<double>> positions(const Surface& values) const {
    std::vector<std::vector<double>> positions = values;
    for (std::vector<double>& row : positions) {
      for (double& value : row) value = scale_.position(value);
    }
    return positions;
  }

  /// Bilinear between the grid's points.
  static Image heat_map(const std::vector<std::vector<double>>& positions, int pixels) {
    Image image(pixels, pixels);
    const auto step = [&](int pixel, std::size_t points) {
      const double at = (pixel + 0.5) / pixels * static_cast<double>(points - 1);
      const auto whole = std::min(static_cast<std::size_t>(at), points - 2);
      return std::pair(whole, at - static_cast<double>(whole));
    };
    for (int row = 0; row < pixels; ++row) {
      const auto [j, v] = step(pixels - 1 - row, positions.size());
      for (int column = 0; column < pixels; ++column) {
        const auto [i, u] = step(column, positions[j].size());
        const double height = std::lerp(std::lerp(positions[j][i], positions[j][i + 1], u),
                                        std::lerp(positions[j + 1][i], positions[j + 1][i + 1], u), v);
        const Rgb colour = colour_at(height);
        std::copy(colour.begin(), colour.end(), image.row(row) + 3 * column);
      }
    }
    return image;
  }

  void draw_panel(Canvas& canvas, std::size_t panel) const {
    const Landscape::LossValues& loss = landscape_.losses[panel];
    const Place at = corner(panel);
    const std::vector<std::vector<double>> heights = positions(loss.values);
    canvas.text({at.x, at.y - 8}, title_of(loss), {.size = 13, .bold = true});
    canvas.image(at, kPanel, kPanel, heat_map(heights, static_cast<int>(kPanel * canvas.resolution())));
    draw_contours(canvas, at, heights);
    for (std::size_t i = 0; i < landscape_.points.size(); ++i) {
      const Landscape::Point& point = landscape_.points[i];
      draw_mark(canvas, place(at, point.x, point.y), landscape_, i, loss.name, point.losses[panel]);
    }
    draw_axes(canvas, panel);
  }

  void draw_contours(Canvas& canvas, Place at, const std::vector<std::vector<double>>& heights) const {
    std::vector<Place> taken;  // where no label may be
    for (const Landscape::Point& point : landscape_.points) taken.push_back(place(at, point.x, point.y));
    struct Label {
      Place place;
      double level;
    };
    std::vector<Label> labels;
    for (const double level : scale_.levels()) {
      std::vector<Place> candidates;
      for (const Contour& contour : contours(heights, scale_.position(level))) {
        std::vector<Place> line;
        for (const ContourPoint& point : contour) line.push_back(grid_place(at, point));
        canvas.line(line, {.ink = ink_at(level), .width = 0.9, .opacity = 0.75});
        candidates.insert(candidates.end(), line.begin(), line.end());
      }
      const Place* best = nullptr;
      double room = 15;  // between the middles of labels and marks, at least
      for (const Place& candidate : candidates) {
        double nearest = std::min(
            {candidate.x - at.x, at.x + kPanel - candidate.x, candidate.y - at.y, at.y + kPanel - candidate.y});
        for (const Place& other : taken)
          nearest = std::min(nearest, std::hypot((candidate.x - other.x) / 2, candidate.y - other.y));
        if (nearest <= room) continue;
        room = nearest;
        best = &candidate;
      }
      if (!best) continue;
      labels.push_back({*best, level});
      taken.push_back(*best);
    }
    for (const Label& label : labels) {
      canvas.text({label.place.x, label.place.y + 4}, level_text(label.level),
                  {.anchor = Anchor::middle,
                   .ink = ink_at(label.level),
                   .size = 11,
                   .halo = colour_at(scale_.position(label.level))});
    }
  }
  /// Readable on the map's colour there.
  Ink ink_at(double level) const { return scale_.position(level) < 0.55 ? Ink::white : Ink::black; }

  void draw_axes(Canvas& canvas, std::size_t panel) const {
    const Place at = corner(panel);
    const bool below = panel + columns_<landscape_.losses.size(), beside = panel % columns_> 0;
    const Stroke stroke{.ink = Ink::soft};
    const double bottom = at.y + kPanel, right = at.x + kPanel;
    canvas.line({at, {right, at.y}, {right, bottom}, {at.x, bottom}, at}, stroke);
    for (const double tick : round_ticks(landscape_.x.front(), landscape_.x.back(), 4)) {
      const double x = place(at, tick, 0).x;
      canvas.line({{x, bottom}, {x, bottom + 4}}, stroke);
      if (!below) canvas.text({x, bottom + 17}, level_text(tick), tick_style(Anchor::middle));
    }
    for (const double tick : round_ticks(landscape_.y.front(), landscape_.y.back(), 4)) {
      const double y = place(at, 0, tick).y;
      canvas.line({{at.x - 4, y}, {at.x, y}}, stroke);
      if (!beside) canvas.text({at.x - 8, y + 4}, level_text(tick), tick_style(Anchor::end));
    }
    if (!below) canvas.text({at.x + kPanel / 2, bottom + 34}, landscape_.x_label, tick_style(Anchor::middle));
    if (beside) return;
    TextStyle style = tick_style(Anchor::middle);
    style.upwards = true;
    canvas.text({at.x - 46, at.y + kPanel / 2}, landscape_.y_label, style);
  }
  static TextStyle tick_style(Anchor anchor) { return {.anchor = anchor, .ink = Ink::soft, .size = 11}; }

  void draw_bar(Canvas& canvas) const {
    constexpr double kWidth = 16;
    const double left = corner(columns_ - 1).x + kPanel + 26;
    const double top = top_, tall = corner(columns_ * (rows_ - 1)).y + kPanel - top;
    Image colours(1, static_cast<int>(tall * canvas.resolution()));
    for (int y = 0; y < colours.height; ++y) {
      const Rgb colour = colour_at(1 - (y + 0.5) / colours.height);
      std::copy(colour.begin(), colour.end(), colours.row(y));
    }
    canvas.text({left, top - 8}, "loss", {.size = 13, .bold = true});
    canvas.image({left, top}, kWidth, tall, colours);
    const Stroke stroke{.ink = Ink::soft};
    const double right = left + kWidth, bottom = top + tall;
    canvas.line({{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}, stroke);
    for (const double level : scale_.levels()) {
      const double y = bottom - tall * scale_.position(level);
      canvas.line({{right, y}, {right + 4, y}}, stroke);
      canvas.text({right + 8, y + 4}, level_text(level), tick_style(Anchor::start));
    }
  }

  const Landscape& landscape_;
  const ColourScale& scale_;
  std::vector<std::string> headings_;
  std::size_t columns_, rows_;
  double top_;
};

}  // namespace

std::unique_ptr<LandscapeFigure> plane_figure(const Landscape& landscape, const ColourScale& scale) {
  return std::make_unique<PlaneFigure>(landscape, scale);
}

}  // namespace dgsam
