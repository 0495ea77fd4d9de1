#include <algorithm>
#include <cmath>

#include "tools/lab/drawing/svg.h"
#include "tools/lab/landscape/landscape_drawing.h"

namespace dgsam {

namespace {

constexpr double kLeft = 66, kBottom = 50, kKey = 196;  // margins; names are in the right one
constexpr double kWidth = 560, kHeight = 330;           // of the frame
constexpr double kInside = 10;                          // between the scale's ends and the frame

class PathFigure final : public LandscapeFigure {
 public:
  PathFigure(const Landscape& landscape, const ColourScale& scale)
      : landscape_(landscape),
        scale_(scale),
        headings_(headings(landscape, scale)),
        top_(headings_height(headings_) + (landscape.points.size() > 1 ? 38 : 24)) {}

  double width() const override { return kLeft + kWidth + kKey; }
  double height() const override { return top_ + kHeight + kBottom; }

  void draw(Canvas& canvas) const override {
    draw_headings(canvas, headings_);
    draw_axes(canvas);
    for (std::size_t k = 0; k < landscape_.losses.size(); ++k) draw_curve(canvas, k);
    if (landscape_.points.size() == 1) return;
    for (std::size_t i = 0; i < landscape_.points.size(); ++i)
      draw_mark(canvas, {x(landscape_.points[i].x), top_ - 12}, landscape_, i, "total", total_at(i));
  }

 private:
  double x(double value) const {
    const double low = landscape_.x.front(), high = landscape_.x.back();
    return kLeft + kWidth * (value - low) / (high - low);
  }
  double y_at(double position) const {
    return std::lerp(top_ + kHeight - kInside, top_ + kInside, std::clamp(position, 0.0, 1.0));
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
  double total_at(std::size_t point) const { return landscape_.points[point].losses.back(); }

  void draw_axes(Canvas& canvas) const {
    const double bottom = top_ + kHeight, right = kLeft + kWidth;
    const TextStyle style{.ink = Ink::soft, .size = 11};
    const auto anchored = [&](Anchor anchor) {
      TextStyle result = style;
      result.anchor = anchor;
      return result;
    };
    for (const double level : scale_.levels()) {
      canvas.line({{kLeft, y(level)}, {right, y(level)}}, {.ink = Ink::rule});
      canvas.text({kLeft - 8, y(level) + 4}, level_text(level), anchored(Anchor::end));
    }
    for (const Landscape::Point& point : landscape_.points)
      canvas.line({{x(point.x), top_}, {x(point.x), bottom}}, {.ink = Ink::soft, .opacity = 0.6});
    for (const double tick : round_ticks(landscape_.x.front(), landscape_.x.back(), 7)) {
      canvas.line({{x(tick), bottom}, {x(tick), bottom + 4}}, {.ink = Ink::soft});
      canvas.text({x(tick), bottom + 17}, level_text(tick), anchored(Anchor::middle));
    }
    canvas.line({{kLeft, top_}, {right, top_}, {right, bottom}, {kLeft, bottom}, {kLeft, top_}}, {.ink = Ink::soft});
    canvas.text({kLeft + kWidth / 2, bottom + 36}, landscape_.x_label, anchored(Anchor::middle));
    TextStyle upwards = anchored(Anchor::middle);
    upwards.upwards = true;
    canvas.text({kLeft - 46, top_ + kHeight / 2}, "loss", upwards);
  }

  void draw_curve(Canvas& canvas, std::size_t k) const {
    const Landscape::LossValues& loss = landscape_.losses[k];
    Stroke stroke{.ink = Ink::ink, .width = 3};
    if (loss.role != "total") {
      stroke = {.ink = static_cast<Ink>(static_cast<int>(Ink::series0) + static_cast<int>(k) % kSeriesInks),
                .width = 2,
                .dashed = loss.role == "unseen"};
    }
    canvas.line(curve(loss.values[0]), stroke);
    for (const Landscape::Point& point : landscape_.points) {
      const std::string hint = point.name + ": " + loss.name + " " + level_text(point.losses[k]);
      canvas.disc({x(point.x), y(point.losses[k])}, 3, Ink::paper, stroke.ink, hint);
    }
    const double left = kLeft + kWidth + 16, row = top_ + 12 + 20 * static_cast<double>(k);
    canvas.line({{left, row}, {left + 22, row}}, stroke);
    canvas.text({left + 30, row + 4}, title_of(loss), {.ink = stroke.ink, .size = 12, .bold = loss.role == "total"});
  }

  const Landscape& landscape_;
  const ColourScale& scale_;
  std::vector<std::string> headings_;
  double top_;
};

}  // namespace

std::unique_ptr<LandscapeFigure> path_figure(const Landscape& landscape, const ColourScale& scale) {
  return std::make_unique<PathFigure>(landscape, scale);
}

}  // namespace dgsam
