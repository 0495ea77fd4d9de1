#include "tools/lab/report/report_landscape.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/lab/report/report_html.h"

namespace dgsam {
namespace {

constexpr int kBands = 12;   // classes v0 to v11 of the style sheet
constexpr int kPixels = 80;  // of a panel's side: contours look smooth at its size

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
/// guessing, ln classes, has the last colour, as in the pictures that `landscape` draws.
class ColourScale {
 public:
  explicit ColourScale(const std::vector<Shown>& shown) {
    for (const Shown& one : shown) {
      for (const LandscapeRecord::Loss& loss : one.record->losses) {
        for (const std::vector<double>& row : loss.values) {
          for (const double value : row) add(value);
        }
      }
    }
    for (const Shown& one : shown) {
      if (one.record->classes < 2) continue;
      const double most = 5 * std::log(static_cast<double>(one.record->classes));
      capped_ = capped_ || (high_ > most && most > low_);
      if (most > low_) high_ = std::min(high_, most);
    }
    logarithmic_ = low_ > 0 && high_ / low_ > 10;
    if (!(high_ > low_)) high_ = low_ + 1e-6;
  }

  /// 0 to kBands - 1.
  int band(double value) const {
    return std::clamp(static_cast<int>(std::floor(kBands * place(value))), 0, kBands - 1);
  }
  /// The loss at the lower edge of a band; edge(kBands) is the highest loss.
  double edge(int band) const {
    const double part = static_cast<double>(band) / kBands;
    return logarithmic_ ? low_ * std::pow(high_ / low_, part) : low_ + (high_ - low_) * part;
  }
  /// Whether a loss was not finite anywhere.
  bool has_gaps() const { return gaps_; }
  /// Whether there are losses above the last band.
  bool is_capped() const { return capped_; }

 private:
  void add(double value) {
    gaps_ = gaps_ || !std::isfinite(value);
    if (!std::isfinite(value)) return;
    low_ = any_ ? std::min(low_, value) : value;
    high_ = any_ ? std::max(high_, value) : value;
    any_ = true;
  }
  double place(double value) const {
    return logarithmic_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
  }

  double low_ = 0, high_ = 0;
  bool any_ = false, gaps_ = false, capped_ = false, logarithmic_ = false;
};

/// Where `value` lies on an ascending axis: the index before it and the fraction of the way to the next one.
std::pair<std::size_t, double> place_on(const std::vector<double>& axis, double value) {
  const auto next = std::upper_bound(axis.begin() + 1, axis.end() - 1, value);
  const auto index = static_cast<std::size_t>(next - axis.begin()) - 1;
  return {index, (value - axis[index]) / (axis[index + 1] - axis[index])};
}

/// Bilinear between the four losses around a point; not finite where one of them is not.
double loss_at(const LandscapeRecord& record, const LandscapeRecord::Loss& loss, double x, double y) {
  const auto [i, s] = place_on(record.x, x);
  const auto [j, t] = place_on(record.y, y);
  const auto along = [&](const std::vector<double>& row) { return (1 - s) * row[i] + s * row[i + 1]; };
  return (1 - t) * along(loss.values[j]) + t * along(loss.values[j + 1]);
}

/// A band's pixels, as strokes from left to right.
std::array<std::string, kBands> strokes(const LandscapeRecord& record, const LandscapeRecord::Loss& loss,
                                        const ColourScale& scale) {
  std::array<std::string, kBands> paths;
  const auto coordinate = [](const std::vector<double>& axis, int pixel) {
    return axis.front() + (axis.back() - axis.front()) * (pixel + 0.5) / kPixels;
  };
  for (int row = 0; row < kPixels; ++row) {
    const double y = coordinate(record.y, kPixels - 1 - row);
    int start = 0, current = -1;
    for (int column = 0; column <= kPixels; ++column) {
      const double value = column < kPixels ? loss_at(record, loss, coordinate(record.x, column), y) : kMissing;
      const int band = std::isfinite(value) ? scale.band(value) : -1;
      if (band == current && column < kPixels) continue;
      if (current >= 0) {
        paths[static_cast<std::size_t>(current)] +=
            "M" + std::to_string(start) + " " + std::to_string(row) + "h" + std::to_string(column - start);
      }
      start = column;
      current = band;
    }
  }
  return paths;
}

std::string panel(const Shown& shown, const LandscapeRecord::Loss& loss, const ColourScale& scale) {
  const LandscapeRecord& record = *shown.record;
  std::string svg =
      svg_opening("Loss of " + loss.name + " around the weights of " + shown.method->label, kPixels, kPixels);
  svg += "<g class=\"field\" transform=\"translate(0 .5)\">";
  const auto paths = strokes(record, loss, scale);
  for (std::size_t band = 0; band < paths.size(); ++band) {
    if (!paths[band].empty()) svg += "<path class=\"v" + std::to_string(band) + "\" d=\"" + paths[band] + "\"/>\n";
  }
  svg += "</g>\n";
  for (std::size_t i = 0; i < record.points.size(); ++i) {
    const LandscapeRecord::Point& point = record.points[i];
    const double x = kPixels * (point.x - record.x.front()) / (record.x.back() - record.x.front());
    const double y = kPixels * (1 - (point.y - record.y.front()) / (record.y.back() - record.y.front()));
    if (!(x >= 0 && x <= kPixels && y >= 0 && y <= kPixels)) continue;
    svg += "<circle class=\"point\" cx=\"" + svg_number(x) + "\" cy=\"" + svg_number(y) + "\" r=\"2\"><title>" +
           escaped(point.name) + "</title></circle>\n";
    if (record.points.size() > 1) svg += svg_text(x + 2.4, y - 1.6, "start", std::to_string(i + 1), "number");
  }
  return svg + "</svg>\n";
}

std::string scale_bar(const ColourScale& scale) {
  constexpr double kWidth = 360, kStep = kWidth / kBands;
  std::string svg =
      "<svg class=\"scale\" viewBox=\"-20 0 400 34\" role=\"img\" aria-label=\"Colour scale of the loss\">\n";
  for (int band = 0; band < kBands; ++band) {
    svg += "<rect class=\"v" + std::to_string(band) + "\" x=\"" + svg_number(band * kStep) + "\" width=\"" +
           svg_number(kStep + 0.5) + "\" height=\"12\"><title>" +
           escaped("from " + format_number(scale.edge(band), 3) + " to " + format_number(scale.edge(band + 1), 3)) +
           "</title></rect>\n";
  }
  for (int band = 0; band <= kBands; band += kBands / 4) {
    const double value = scale.edge(band);
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
  const ColourScale scale(shown);
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
      text += same == one.record->losses.end() ? "<td>–</td>" : "<td>" + panel(one, *same, scale) + "</td>";
    }
    text += "</tr>\n";
  }
  text += "</tbody>\n</table>\n";
  std::string remark = "Horizontally " + range_text(first.x_label, first.x) + "; vertically " +
                       range_text(first.y_label, first.y) + ". ";
  if (const std::string points = points_text(first); !points.empty()) remark += "Marked: " + points + ". ";
  remark += "One colour scale for all panels; the first run of each method.";
  if (scale.is_capped()) remark += " Losses above the scale have its last colour.";
  if (scale.has_gaps()) remark += " Where nothing is drawn the loss is not finite.";
  return figure("Loss over a plane", remark, scale_bar(scale) + scrolling("Loss landscapes, " + name, text));
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
