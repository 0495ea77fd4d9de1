#include "tools/lab/report/report_landscape.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/lab/drawing/colour_scale.h"
#include "tools/lab/drawing/contours.h"
#include "tools/lab/report/report_html.h"
#include "tools/lab/report/report_style.h"

namespace dgsam {
namespace {

constexpr int kBands = kMapBands;
constexpr double kPanel = 80;  // a panel's side in the view box

struct Shown {
  const MethodRuns* method;
  const LandscapeRecord* record;
};

std::vector<Shown> records_of(const Experiment& experiment, bool path) {
  std::vector<Shown> shown;
  for (const MethodRuns& method : experiment.methods) {
    const auto run = std::find_if(method.runs.begin(), method.runs.end(), [&](const FinishedRun* one) {
      return one->analysis.landscape && one->analysis.landscape->path == path;
    });
    if (run != method.runs.end()) shown.push_back({&method, &*(*run)->analysis.landscape});
  }
  return shown;
}

/// From losses to bands of colour: logarithmic where the losses span more than a decade. What is far above the loss of
/// guessing has the last colour, as in the pictures that `landscape` draws.
class Bands {
 public:
  explicit Bands(const std::vector<Shown>& shown) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    std::int64_t classes = 0;
    for (const Shown& one : shown) {
      classes = std::max(classes, one.record->classes);
      for (const LandscapeRecord::Loss& loss : one.record->losses) {
        for (const std::vector<double>& row : loss.values) {
          for (const double value : row) {
            gaps_ = gaps_ || !std::isfinite(value);
            if (!std::isfinite(value)) continue;
            low = std::min(low, value);
            high = std::max(high, value);
          }
        }
      }
    }
    if (!(low <= high)) low = high = 0;
    const double shown_high = classes < 2 ? high : highest_shown(low, high, static_cast<int>(classes));
    capped_ = shown_high < high;
    high = shown_high > low ? shown_high : low + 1e-6;
    scale_ = {low, high, low > 0 && high / low > 10};
  }

  /// The loss at the lower edge of a band; edge(kBands) is the highest loss.
  double edge(int band) const { return scale_.value(part(band)); }
  /// A path of each band in its colour, where the losses lie in it or above: later ones cover what is above.
  std::string paths(const LandscapeRecord& record, const LandscapeRecord::Loss& loss) const {
    Heights heights = loss.values;
    for (std::vector<double>& row : heights) {
      for (double& value : row) value = std::isfinite(value) ? scale_.position(value) : kMissing;
    }
    const auto data_above = [&](int band) {
      if (band == kBands) return std::string();
      const double level = band == 0 ? -std::numeric_limits<double>::infinity() : part(band);
      std::string data;
      for (const Contour& region : regions_above(heights, level)) {
        for (std::size_t i = 0; i < region.size(); ++i) data += (i == 0 ? "M" : " ") + place(record, region[i]);
        data += "Z";
      }
      return data;
    };
    std::string svg, here = data_above(0);
    for (int band = 0; band < kBands; ++band) {
      std::string above = data_above(band + 1);
      if (here != above) svg += "<path class=\"v" + std::to_string(band) + "\" d=\"" + here + "\"/>\n";
      here = std::move(above);
    }
    return svg;
  }
  /// Whether a loss was not finite anywhere.
  bool has_gaps() const { return gaps_; }
  /// Whether there are losses above the last band.
  bool is_capped() const { return capped_; }

 private:
  static double part(int band) { return static_cast<double>(band) / kBands; }

  /// In the panel, of a place in grid steps.
  static std::string place(const LandscapeRecord& record, const ContourPoint& at) {
    const auto along = [](const std::vector<double>& axis, double steps) {
      const auto before = std::min(static_cast<std::size_t>(steps), axis.size() - 2);
      const double value = std::lerp(axis[before], axis[before + 1], steps - static_cast<double>(before));
      return kPanel * (value - axis.front()) / (axis.back() - axis.front());
    };
    return svg_number(along(record.x, at.x)) + " " + svg_number(kPanel - along(record.y, at.y));
  }

  ColourScale scale_;
  bool gaps_ = false, capped_ = false;
};

std::string panel(const Shown& shown, const LandscapeRecord::Loss& loss, const Bands& bands) {
  const LandscapeRecord& record = *shown.record;
  std::string svg =
      svg_opening("Loss of " + loss.name + " around the weights of " + shown.method->label, kPanel, kPanel);
  svg += "<g class=\"field\">\n" + bands.paths(record, loss) + "</g>\n";
  for (std::size_t i = 0; i < record.points.size(); ++i) {
    const LandscapeRecord::Point& point = record.points[i];
    const double x = kPanel * (point.x - record.x.front()) / (record.x.back() - record.x.front());
    const double y = kPanel * (1 - (point.y - record.y.front()) / (record.y.back() - record.y.front()));
    if (!(x >= 0 && x <= kPanel && y >= 0 && y <= kPanel)) continue;
    svg += "<circle class=\"point\" cx=\"" + svg_number(x) + "\" cy=\"" + svg_number(y) + "\" r=\"2\"><title>" +
           escaped(point.name) + "</title></circle>\n";
    if (record.points.size() > 1) svg += svg_text(x + 2.4, y - 1.6, "start", std::to_string(i + 1), "number");
  }
  return svg + "</svg>\n";
}

std::string scale_bar(const Bands& bands) {
  constexpr double kWidth = 360, kStep = kWidth / kBands;
  std::string svg =
      "<svg class=\"scale\" viewBox=\"-20 0 400 34\" role=\"img\" aria-label=\"Colour scale of the loss\">\n";
  for (int band = 0; band < kBands; ++band) {
    svg += "<rect class=\"v" + std::to_string(band) + "\" x=\"" + svg_number(band * kStep) + "\" width=\"" +
           svg_number(kStep + 0.5) + "\" height=\"12\"><title>" +
           escaped("from " + format_number(bands.edge(band), 3) + " to " + format_number(bands.edge(band + 1), 3)) +
           "</title></rect>\n";
  }
  for (int band = 0; band <= kBands; band += kBands / 4) {
    const double value = bands.edge(band);
    svg += svg_text(band * kStep, 27, "middle", format_number(value, value >= 100 ? 0 : value >= 1 ? 2 : 3));
  }
  return svg + "</svg>\n";
}

/// "1 last.safetensors, 2 other.safetensors" of the points that a record marks.
std::string points_text(const LandscapeRecord& record) {
  std::string text;
  for (std::size_t i = 0; i < record.points.size(); ++i) {
    text +=
        (i == 0 ? "" : ", ") + (record.points.size() > 1 ? std::to_string(i + 1) + " " : "") + record.points[i].name;
  }
  return text;
}

std::string range_text(const std::string& label, const std::vector<double>& axis) {
  return label + ", " + tick_text(axis.front()) + " to " + tick_text(axis.back());
}

std::string planes(const std::vector<Shown>& shown, const std::string& name) {
  const Bands bands(shown);
  const LandscapeRecord& first = *shown.front().record;
  std::string text = "<table class=\"panels\">\n<thead><tr><td></td>";
  for (const LandscapeRecord::Loss& loss : first.losses) {
    text +=
        "<th scope=\"col\">" + escaped(loss.name) + (loss.role == "unseen" ? "<small>unseen</small>" : "") + "</th>";
  }
  text += "</tr></thead>\n<tbody>\n";
  for (const Shown& one : shown) {
    text += "<tr><th scope=\"row\" class=\"" + colour_class(one.method->colour) + "\">" + escaped(one.method->label) +
            "</th>";
    for (const LandscapeRecord::Loss& loss : first.losses) {
      const auto same = std::find_if(one.record->losses.begin(), one.record->losses.end(),
                                     [&](const auto& other) { return other.name == loss.name; });
      text += same == one.record->losses.end() ? "<td>–</td>" : "<td>" + panel(one, *same, bands) + "</td>";
    }
    text += "</tr>\n";
  }
  text += "</tbody>\n</table>\n";
  std::string remark = "Horizontally " + range_text(first.x_label, first.x) + "; vertically " +
                       range_text(first.y_label, first.y) + ". ";
  if (const std::string points = points_text(first); !points.empty()) remark += "Marked: " + points + ". ";
  remark += "One colour scale for all panels; the first run of each method.";
  if (bands.is_capped()) remark += " Losses above the scale have its last colour.";
  if (bands.has_gaps()) remark += " Where nothing is drawn the loss is not finite.";
  return figure("Loss over a plane", remark, scale_bar(bands) + scrolling("Loss landscapes, " + name, text));
}

std::string paths(const std::vector<Shown>& shown) {
  std::vector<double> range;
  for (const Shown& one : shown) {
    for (const LandscapeRecord::Loss& loss : one.record->losses) {
      for (const double value : loss.values.front()) {
        if (std::isfinite(value)) range.push_back(value);
      }
    }
  }
  std::string text = "<div class=\"curves\">\n";
  for (const Shown& one : shown) {
    LineChart chart{"Loss along a path, " + one.method->label, 3, false, {}, "place", true, range};
    int colour = 0;
    for (const LandscapeRecord::Loss& loss : one.record->losses) {
      chart.curves.push_back({loss.name, colour++, one.record->x, loss.values.front()});
    }
    std::string remark = range_text(one.record->x_label, one.record->x);
    for (const LandscapeRecord::Point& point : one.record->points)
      remark += "; " + tick_text(point.x) + ": " + point.name;
    text += figure("Loss along a path, " + one.method->label, remark, line_chart(chart));
  }
  return text + "</div>\n";
}

}  // namespace

std::string landscape_part(const Experiment& experiment) {
  std::string text;
  if (const auto shown = records_of(experiment, false); !shown.empty()) {
    text += planes(shown, experiment.unseen.empty() ? "no domain left out" : experiment.unseen + " left out");
  }
  if (const auto shown = records_of(experiment, true); !shown.empty()) text += paths(shown);
  return text;
}

}  // namespace dgsam
