#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/lab/drawing/contours.h"
#include "tools/lab/drawing/svg.h"
#include "tools/lab/landscape/landscape_drawing.h"

namespace dgsam {

namespace {

constexpr double kBar = 104;                              // the right margin, which holds the colour bar
constexpr double kPanel = 216, kAcross = 22, kDown = 52;  // panels and what is between them

class PlaneFigure {
 public:
  PlaneFigure(const Landscape& landscape, const ColourScale& scale)
      : landscape_(landscape),
        scale_(scale),
        headings_(headings(landscape, scale)),
        columns_(std::min<std::size_t>(3, landscape.losses.size())),
        rows_((landscape.losses.size() + columns_ - 1) / columns_),
        canvas_(last_column().right() + kBar, last_row().bottom() + Frame::kBelow, headings_[0]) {}

  std::string svg() {
    draw_headings(canvas_, headings_);
    for (std::size_t k = 0; k < landscape_.losses.size(); ++k) draw_panel(k);
    draw_bar();
    return canvas_.svg();
  }

 private:
  Frame frame_of(std::size_t panel) const {
    return {{Frame::kLeft + static_cast<double>(panel % columns_) * (kPanel + kAcross),
             headings_height(headings_) + 38 + static_cast<double>(panel / columns_) * (kPanel + kDown)},
            kPanel,
            kPanel};
  }
  Frame last_column() const { return frame_of(columns_ - 1); }
  Frame last_row() const { return frame_of(columns_ * (rows_ - 1)); }

  Place place(const Frame& frame, double x, double y) const {
    return {frame.x(landscape_.x, x), frame.y(landscape_.y, y)};
  }
  /// Of a place in grid steps.
  Place grid_place(const Frame& frame, ContourPoint at) const {
    return {frame.corner.x + kPanel * at.x / static_cast<double>(landscape_.x.size() - 1),
            frame.corner.y + kPanel * (1 - at.y / static_cast<double>(landscape_.y.size() - 1))};
  }

  Heights positions(const Surface& values) const {
    Heights positions = values;
    for (std::vector<double>& row : positions) {
      for (double& value : row) value = scale_.position(value);
    }
    return positions;
  }

  /// Bilinear between the grid's points.
  static Image heat_map(const Heights& positions, int pixels) {
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

  void draw_panel(std::size_t panel) {
    const Landscape::LossValues& loss = landscape_.losses[panel];
    const Frame frame = frame_of(panel);
    const Heights heights = positions(loss.values);
    canvas_.text({frame.corner.x, frame.corner.y - 8}, title_of(loss), {.size = 13, .bold = true});
    canvas_.image(frame.corner, kPanel, kPanel,
                  heat_map(heights, static_cast<int>(kPanel * SvgCanvas::kImageResolution)));
    draw_contours(frame, heights);
    for (std::size_t i = 0; i < landscape_.points.size(); ++i) {
      const Landscape::Point& point = landscape_.points[i];
      draw_mark(canvas_, place(frame, point.x, point.y), landscape_, i, loss.name, point.losses[panel]);
    }
    draw_axes(frame, panel);
  }

  void draw_contours(const Frame& frame, const Heights& heights) {
    std::vector<Place> taken;  // where no label may be
    for (const Landscape::Point& point : landscape_.points) taken.push_back(place(frame, point.x, point.y));
    struct Label {
      Place place;
      double level;
    };
    std::vector<Label> labels;
    for (const double level : scale_.levels()) {
      std::vector<Place> candidates;
      for (const Contour& contour : contour_lines(heights, scale_.position(level))) {
        std::vector<Place> line;
        for (const ContourPoint& point : contour) line.push_back(grid_place(frame, point));
        canvas_.line(line, {.ink = ink_at(level), .width = 0.9, .opacity = 0.75});
        candidates.insert(candidates.end(), line.begin(), line.end());
      }
      const Place* best = nullptr;
      double room = 15;  // between the middles of labels and marks, at least
      for (const Place& candidate : candidates) {
        double nearest = std::min({candidate.x - frame.corner.x, frame.right() - candidate.x,
                                   candidate.y - frame.corner.y, frame.bottom() - candidate.y});
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
      canvas_.text({label.place.x, label.place.y + 4}, level_text(label.level),
                   {.anchor = Anchor::middle,
                    .ink = ink_at(label.level),
                    .size = 11,
                    .halo = colour_at(scale_.position(label.level))});
    }
  }
  /// Readable on the map's colour there.
  Ink ink_at(double level) const { return scale_.position(level) < 0.55 ? Ink::white : Ink::black; }

  void draw_axes(const Frame& frame, std::size_t panel) {
    const bool below = panel + columns_ < landscape_.losses.size();
    const bool beside = panel % columns_ != 0;
    frame.draw(canvas_);
    frame.draw_x_axis(canvas_, landscape_.x, 4, landscape_.x_label, !below);
    const double left = frame.corner.x;
    for (const double tick : round_ticks(landscape_.y.front(), landscape_.y.back(), 4)) {
      const double y = frame.y(landscape_.y, tick);
      canvas_.line({{left - 4, y}, {left, y}}, {.ink = Ink::soft});
      if (!beside) canvas_.text({left - 8, y + 4}, level_text(tick), axis_style(Anchor::end));
    }
    if (!beside) frame.draw_y_name(canvas_, landscape_.y_label);
  }

  void draw_bar() {
    const Place corner{last_column().right() + 26, frame_of(0).corner.y};
    const Frame bar{corner, 16, last_row().bottom() - corner.y};
    Image colours(1, static_cast<int>(bar.height * SvgCanvas::kImageResolution));
    for (int y = 0; y < colours.height; ++y) {
      const Rgb colour = colour_at(1 - (y + 0.5) / colours.height);
      std::copy(colour.begin(), colour.end(), colours.row(y));
    }
    canvas_.text({corner.x, corner.y - 8}, "loss", {.size = 13, .bold = true});
    canvas_.image(corner, bar.width, bar.height, colours);
    bar.draw(canvas_);
    for (const double level : scale_.levels()) {
      const double y = bar.bottom() - bar.height * scale_.position(level);
      canvas_.line({{bar.right(), y}, {bar.right() + 4, y}}, {.ink = Ink::soft});
      canvas_.text({bar.right() + 8, y + 4}, level_text(level), axis_style(Anchor::start));
    }
  }

  const Landscape& landscape_;
  const ColourScale& scale_;
  std::vector<std::string> headings_;
  std::size_t columns_, rows_;
  SvgCanvas canvas_;
};

}  // namespace

std::string plane_svg(const Landscape& landscape, const ColourScale& scale) {
  return PlaneFigure(landscape, scale).svg();
}

}  // namespace dgsam
