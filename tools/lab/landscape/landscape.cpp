#include "tools/lab/landscape/landscape.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <utility>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/text_columns.h"

namespace dgsam {

namespace {

constexpr int kPlanePoints = 21, kPathPoints = 51;

/// Whether batch norm's running statistics are the same in two checkpoints of one network.
bool same_statistics(const std::string& first, const std::string& second) {
  const SafetensorsFile a(first), b(second);
  for (const TensorFile::Entry& entry : a.entries()) {
    if (!entry.name.ends_with(".running_mean") && !entry.name.ends_with(".running_var")) continue;
    const TensorFile::Entry* other = b.find(entry.name);
    if (!other || a.read_bytes(entry) != b.read_bytes(*other)) return false;
  }
  return true;
}

std::string listed(const std::vector<std::string>& paths) {
  std::string text = paths[0];
  for (std::size_t i = 1; i < paths.size(); ++i) text += (i + 1 == paths.size() ? " and " : ", ") + paths[i];
  return text;
}

void check_options(const LandscapeOptions& options) {
  const std::size_t count = options.checkpoints.size();
  require(count >= 1 && count <= 3, "a landscape goes through one, two or three checkpoints, not through ", count);
  require(!options.path || count == 1, "--path is for one checkpoint; between two there is a path without it");
  require(std::isfinite(options.range) && options.range > 0, "--range ", options.range, " is not a positive number");
  require(std::isfinite(options.extend) && options.extend >= 0, "--extend ", options.extend, " is not a number from 0");
  const int points = options.points.value_or(kPlanePoints);
  require(points >= 2, "--points ", points, " is too few: 2 or more per axis");
  require(count > 1 || points % 2 == 1, "--points ", points, " is even: an odd number puts the checkpoint, which is ",
          "in the middle, on the grid");
}

std::vector<Checkpoint> read_checkpoints(const std::vector<std::string>& paths) {
  std::vector<Checkpoint> checkpoints;
  for (const std::string& path : paths) {
    checkpoints.push_back(read_checkpoint(path));
    require(checkpoints.back().classes == checkpoints[0].classes, path, " and ", paths[0],
            " have different classes: a landscape is one of a single network and data set");
    if (!same_statistics(paths[0], path)) {
      std::fprintf(stderr, "note: %s has other running statistics of batch norm than %s, whose are used everywhere\n",
                   path.c_str(), paths[0].c_str());
    }
  }
  return checkpoints;
}

Plane plane_of(const LandscapeOptions& options, CheckpointSurface& surface, const std::vector<FlatVector>& others) {
  Backend& backend = surface.backend();
  const FlatVector& theta = surface.theta();
  try {
    if (others.size() == 2) return Plane::through(backend, theta, others[0], others[1]);
    if (others.size() == 1) return Plane::line(backend, theta, others[0]);
    return options.path ? Plane::random_line(backend, theta, options.seed)
                        : Plane::random(backend, theta, options.seed);
  } catch (const Error& error) {
    fail(listed(options.checkpoints), ": ", error.what());
  }
}

/// `points` from 0 to 1, and on beyond both by whole steps that make about `extend`.
std::vector<double> path_axis(int points, double extend) {
  const int beyond = static_cast<int>(std::lround(extend * (points - 1)));
  std::vector<double> axis;
  for (int i = -beyond; i < points + beyond; ++i) axis.push_back(static_cast<double>(i) / (points - 1));
  return axis;
}

/// A square around the points, wider than the larger of their extents by `extend` of it on every side.
void set_square(Landscape& landscape, const std::vector<PlanePoint>& points, int count, double extend) {
  PlanePoint low = points[0], high = points[0];
  for (const PlanePoint& point : points) {
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  const double half = std::max(high.x - low.x, high.y - low.y) * (0.5 + extend);
  const double x = (low.x + high.x) / 2, y = (low.y + high.y) / 2;
  landscape.x = grid_axis(x - half, x + half, count);
  landscape.y = grid_axis(y - half, y + half, count);
}

void set_axes(Landscape& landscape, const LandscapeOptions& options, const Plane& plane) {
  const int count = options.points.value_or(landscape.plane ? kPlanePoints : kPathPoints);
  landscape.y = {0};
  if (landscape.random) {
    landscape.x = grid_axis(-options.range, options.range, count);
    if (landscape.plane) landscape.y = landscape.x;
    landscape.x_label = "first direction";
    landscape.y_label = landscape.plane ? "second direction" : "";
  } else if (landscape.plane) {
    set_square(landscape, plane.points(), count, options.extend);
    landscape.x_label = "distance towards 2";
    landscape.y_label = "distance across, towards 3";
  } else {
    landscape.x = path_axis(count, options.extend);
    landscape.x_label = "from " + landscape.points[0].name + " (0) to " + landscape.points[1].name + " (1)";
  }
}

/// The mean over the sources at one place, as MeanLoss adds it up.
template <class ValueOf>
double total(const std::vector<Landscape::LossValues>& losses, const ValueOf& value_of) {
  double sum = 0;
  int sources = 0;
  for (std::size_t k = 0; k < losses.size(); ++k) {
    if (losses[k].role != "source") continue;
    sum += value_of(k);
    ++sources;
  }
  return sum / sources;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

std::vector<std::string> distinct_names(const std::vector<std::string>& paths) {
  std::vector<std::vector<std::string>> parts;
  for (const std::string& path : paths) {
    std::vector<std::string>& of_path = parts.emplace_back();
    for (const auto& part : std::filesystem::path(path).lexically_normal()) of_path.push_back(part.string());
  }
  if (paths.size() == 1) return {parts[0].back()};
  const auto shared = [&](bool front) {
    return std::all_of(parts.begin(), parts.end(), [&](const auto& of_path) {
      return of_path.size() > 1 && (front ? of_path.front() == parts[0].front() : of_path.back() == parts[0].back());
    });
  };
  while (shared(false)) std::for_each(parts.begin(), parts.end(), [](auto& of_path) { of_path.pop_back(); });
  while (shared(true)) std::for_each(parts.begin(), parts.end(), [](auto& of_path) { of_path.erase(of_path.begin()); });
  std::vector<std::string> names;
  for (const auto& of_path : parts) {
    std::filesystem::path name;
    for (const std::string& part : of_path) name /= part;
    names.push_back(name.string());
  }
  return names;
}

Landscape measure_landscape(const LandscapeOptions& options) {
  check_options(options);
  const std::vector<Checkpoint> checkpoints = read_checkpoints(options.checkpoints);
  CheckpointSurface surface(checkpoints[0], options.surface);
  std::vector<FlatVector> others;
  for (std::size_t i = 1; i < checkpoints.size(); ++i) others.push_back(surface.parameters_of(checkpoints[i].path));
  const Plane plane = plane_of(options, surface, others);

  Landscape landscape{.plane = checkpoints.size() == 3 || (checkpoints.size() == 1 && !options.path),
                      .random = checkpoints.size() == 1,
                      .classes = static_cast<int>(checkpoints[0].classes.size()),
                      .precision = word_of(surface.config().precision),
                      .seed = options.seed};
  const std::vector<std::string> names = distinct_names(options.checkpoints);
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    const Checkpoint& checkpoint = checkpoints[i];
    const PlanePoint at = plane.points()[i];
    landscape.points.push_back({names[i], checkpoint.path, checkpoint.config.algorithm, checkpoint.step, at.x, at.y});
  }
  set_axes(landscape, options, plane);

  // The total is computed from its parts, so that no domain is looked at twice.
  std::vector<Loss*> parts;
  std::vector<Landscape::LossValues>& losses = landscape.losses;
  for (const CheckpointSurface::NamedLoss& named : surface.losses()) {
    losses.push_back({named.name, named.role, named.images});
    if (named.role != "total") parts.push_back(named.loss);
  }
  const auto grid_points = static_cast<std::int64_t>(landscape.x.size() * landscape.y.size());
  ProgressBar progress("Landscape", grid_points + std::ssize(checkpoints));
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    std::vector<double>& at_point = landscape.points[i].losses;
    for (Loss* const part : parts) at_point.push_back(part->loss(i == 0 ? surface.theta() : others[i - 1]));
    at_point.push_back(total(losses, [&](std::size_t k) { return at_point[k]; }));
    progress.advance();
  }
  const std::vector<Surface> measured = surfaces(plane, landscape.x, landscape.y, parts, [&] { progress.advance(); });
  progress.finish();
  for (std::size_t k = 0; k < measured.size(); ++k) losses[k].values = measured[k];
  losses.back().values = Surface(landscape.y.size(), std::vector<double>(landscape.x.size()));
  for (std::size_t j = 0; j < landscape.y.size(); ++j) {
    for (std::size_t i = 0; i < landscape.x.size(); ++i)
      losses.back().values[j][i] = total(losses, [&](std::size_t k) { return measured[k][j][i]; });
  }
  return landscape;
}

std::string Landscape::text() const {
  std::vector<std::vector<std::string>> rows{{"loss"}};
  for (const Point& point : points) rows[0].push_back("at " + point.name);
  for (const char* title : {"lowest", "where", "highest"}) rows[0].emplace_back(title);
  for (std::size_t k = 0; k < losses.size(); ++k) {
    std::vector<std::string>& row =
        rows.emplace_back(1, losses[k].name + (losses[k].role == "unseen" ? " (unseen)" : ""));
    for (const Point& point : points) row.push_back(number(point.losses[k]));
    double low = std::numeric_limits<double>::infinity(), high = -low;
    PlanePoint where;
    for (std::size_t j = 0; j < y.size(); ++j) {
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double value = losses[k].values[j][i];
        high = std::max(high, value);
        if (!(value < low)) continue;
        low = value;
        where = {x[i], y[j]};
      }
    }
    row.push_back(number(low));
    row.push_back(number(where.x) + (plane ? ", " + number(where.y) : ""));
    row.push_back(number(high));
  }
  return text_columns(rows);
}

}  // namespace dgsam
