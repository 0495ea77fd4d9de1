#include <algorithm>
#include <cmath>

#include "tools/lab/drawing/svg.h"
#include "tools/lab/landscape/landscape_drawing.h"

namespace dgsam {

namespace {

constexpr double kKey = 196;     // the right margin, which holds the names
constexpr double kInside = 10;   // between the scale's ends and the frame
constexpr double kMarkRow = 14;  // above the frame, where several checkpoints are marked

class PathFigure {
 public:
  PathFigure(const Landscape& landscape, const ColourScale& scale)
      : landscape_(landscape),
        scale_(scale),
        headings_(headings(landscape, scale)),
        frame_{
            {Frame::kLeft, headings_height(headings_) + 24 + (landscape.points.size() > 1 ? kMarkRow : 0)}, 560, 330},
        canvas_(frame_.right() + kKey, frame_.bottom() + Frame::kBelow, headings_[0]) {}

  std::string svg() {
    draw_headings(canvas_, headings_);
    draw_axes();
    for (std::size_t k = 0; k < landscape_.losses.size(); ++k) draw_curve(k);
    for (std::size_t i = 0; landscape_.points.size() > 1 && i < landscape_.points.size(); ++i) {
      const Landscape::Point& point = landscape_.points[i];
      draw_mark(canvas_, {x(point.x), frame_.corner.y - 12}, landscape_, i, "total", point.losses.back());
    }
    return canvas_.svg();
  }

 private:
  double x(double value) const { return frame_.x(landscape_.x, value); }
  double y_at(double position) const {
    return std::lerp(frame_.bottom() - kInside, frame_.corner.y + kInside, std::clamp(position, 0.0, 1.0));
  }
  double y(double value) const { return y_at(scale_.position(value)); }

  /// With a corner where it leaves the scale or comes back.
  std::vector<Place> curve(const std::vector<double>& values) const {
    std::vector<Place> points;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double here = scale_.position(values[i]);
      for (const double end : {0.0, 1.0}) {
        const double before = i > 0 ? scale_.position(values[i - 1]) : here;
        if ((before < end) == (here < end)) continue;
        points.push_back(
            {std::lerp(x(landscape_.x[i - 1]), x(landscape_.x[i]), (end - before) / (here - before)), y_at(end)});
      }
      points.push_back({x(landscape_.x[i]), y_at(here)});
    }
    return points;
  }

  void draw_axes() {
    const double left = frame_.corner.x;
    for (const double level : scale_.levels()) {
      canvas_.line({{left, y(level)}, {frame_.right(), y(level)}}, {.ink = Ink::rule});
      canvas_.text({left - 8, y(level) + 4}, level_text(level), axis_style(Anchor::end));
    }
    for (const Landscape::Point& point : landscape_.points)
      canvas_.line({{x(point.x), frame_.corner.y}, {x(point.x), frame_.bottom()}}, {.ink = Ink::soft, .opacity = 0.6});
    frame_.draw(canvas_);
    frame_.draw_x_axis(canvas_, landscape_.x, 7, landscape_.x_label);
    frame_.draw_y_name(canvas_, "loss");
  }

  void draw_curve(std::size_t k) {
    const Landscape::LossValues& loss = landscape_.losses[k];
    Stroke stroke{.ink = Ink::ink, .width = 3};
    if (loss.role != "total") {
      stroke = {.ink = static_cast<Ink>(static_cast<int>(Ink::series0) + static_cast<int>(k) % kSeriesInks),
                .width = 2,
                .dashed = loss.role == "unseen"};
    }
    canvas_.line(curve(loss.values[0]), stroke);
    for (const Landscape::Point& point : landscape_.points) {
      const std::string hint = point.name + ": " + loss.name + " " + level_text(point.losses[k]);
      canvas_.disc({x(point.x), y(point.losses[k])}, 3, Ink::paper, stroke.ink, hint);
    }
    const double left = frame_.right() + 16, row = frame_.corner.y + 12 + 20 * static_cast<double>(k);
    canvas_.line({{left, row}, {left + 22, row}}, stroke);
    canvas_.text({left + 30, row + 4}, title_of(loss), {.ink = stroke.ink, .size = 12, .bold = loss.role == "total"});
  }

  const Landscape& landscape_;
  const ColourScale& scale_;
  std::vector<std::string> headings_;
  Frame frame_;
  SvgCanvas canvas_;
};

}  // namespace

std::string path_svg(const Landscape& landscape, const ColourScale& scale) {
  return PathFigure(landscape, scale).svg();
}

}  // namespace dgsam
