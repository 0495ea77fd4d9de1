#include "optim/analysis/plane.h"

#include <cmath>
#include <cstddef>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// A point this near to the line through two others, in units of their distance, does not tell what plane is meant.
constexpr double kOnLine = 1e-4;

/// Of one segment, whatever its type.
std::vector<double> downloaded(Backend& backend, ConstTensor tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.elements()));
  if (tensor.dtype() == DType::f64) {
    backend.download(values.data(), tensor);
    return values;
  }
  std::vector<float> single(values.size());
  backend.download(single.data(), tensor);
  values.assign(single.begin(), single.end());
  return values;
}

void upload(Backend& backend, Tensor tensor, const std::vector<double>& values) {
  if (tensor.dtype() == DType::f64) return backend.upload(tensor, values.data());
  const std::vector<float> single(values.begin(), values.end());
  backend.upload(tensor, single.data());
}

double length(std::span<const double> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

FlatVector difference(const Vectors& vectors, const FlatVector& to, const FlatVector& from) {
  FlatVector d = vectors.make();
  vectors.copy(to, d);
  vectors.add(-1, from, d);
  return d;
}

FlatVector random_direction(const Vectors& vectors, const FlatVector& theta, std::uint64_t seed, std::uint64_t number) {
  FlatVector d = vectors.make();
  draw_filter_normalised(vectors, RandomStream(seed, "landscape", number), theta, d);
  return d;
}

}  // namespace

void draw_filter_normalised(const Vectors& vectors, RandomStream random, const FlatVector& theta, FlatVector& d) {
  Backend& backend = vectors.backend();
  backend.zero(d.all());
  bool any = false;
  for (const FlatLayout::Segment& segment : theta.layout().segments()) {
    if (segment.shape.rank() < 2) continue;
    const std::vector<double> weights = downloaded(backend, theta.segment(segment));
    std::vector<double> values(weights.size());
    for (double& value : values) value = random.normal();
    const std::size_t size = weights.size() / static_cast<std::size_t>(segment.shape[0]);  // of a filter
    for (std::size_t start = 0; start < weights.size(); start += size) {
      const auto filter = std::span(values).subspan(start, size);
      const double wanted = length(std::span(weights).subspan(start, size)), ratio = wanted / length(filter);
      for (double& value : filter) value *= ratio;
      any = any || wanted > 0;
    }
    upload(backend, d.segment(segment), values);
  }
  require(any,
          "no weight of a convolution or a linear layer differs from 0: there is no filter to draw a direction by");
}

Plane::Plane(Vectors vectors, const FlatVector& origin, FlatVector u, FlatVector v, std::vector<PlanePoint> points)
    : vectors_(std::move(vectors)), origin_(&origin), u_(std::move(u)), v_(std::move(v)), points_(std::move(points)) {}

Plane Plane::random(Backend& backend, const FlatVector& theta, std::uint64_t seed) {
  Vectors vectors(backend, theta);
  FlatVector u = random_direction(vectors, theta, seed, 0), v = random_direction(vectors, theta, seed, 1);
  return {std::move(vectors), theta, std::move(u), std::move(v), {{0, 0}}};
}

Plane Plane::random_line(Backend& backend, const FlatVector& theta, std::uint64_t seed) {
  Vectors vectors(backend, theta);
  FlatVector u = random_direction(vectors, theta, seed, 0);
  return {std::move(vectors), theta, std::move(u), {}, {{0, 0}}};
}

Plane Plane::line(Backend& backend, const FlatVector& a, const FlatVector& b) {
  Vectors vectors(backend, a);
  FlatVector u = difference(vectors, b, a);
  const double distance = vectors.norm(u);
  require(std::isfinite(distance) && distance > 0, "the points are ", distance, " apart: no line goes through them");
  return {std::move(vectors), a, std::move(u), {}, {{0, 0}, {1, 0}}};
}

Plane Plane::through(Backend& backend, const FlatVector& a, const FlatVector& b, const FlatVector& c) {
  Vectors vectors(backend, a);
  FlatVector u = difference(vectors, b, a), v = difference(vectors, c, a);
  const double ab = vectors.norm(u), ac = vectors.norm(v);
  require(std::isfinite(ab) && std::isfinite(ac) && ab > 0 && ac > 0, "the second and the third point are ", ab,
          " and ", ac, " from the first: no plane goes through them");
  vectors.scale(1 / ab, u);
  const double along = vectors.dot(u, v);
  vectors.add(-along, u, v);
  vectors.add(-vectors.dot(u, v), u, v);  // what rounding left
  const double across = vectors.norm(v);
  require(across > kOnLine * ab, "the third point is ", across, " from the line through the others, which are ", ab,
          " apart: on one line, as far as the numbers tell");
  vectors.scale(1 / across, v);
  return {std::move(vectors), a, std::move(u), std::move(v), {{0, 0}, {ab, 0}, {along, across}}};
}

void Plane::move_to(PlanePoint at, FlatVector& out) const {
  vectors_.copy(*origin_, out);
  if (at.x != 0) vectors_.add(at.x, u_, out);
  if (at.y != 0) vectors_.add(at.y, v_, out);
}

std::vector<Surface> surfaces(const Plane& plane, std::span<const double> x, std::span<const double> y,
                              std::span<Loss* const> losses, const std::function<void()>& done) {
  std::vector<Surface> surfaces(losses.size(), Surface(y.size(), std::vector<double>(x.size())));
  FlatVector point = plane.vectors().make();
  for (std::size_t j = 0; j < y.size(); ++j) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      plane.move_to({x[i], y[j]}, point);
      for (std::size_t k = 0; k < losses.size(); ++k) surfaces[k][j][i] = losses[k]->loss(point);
      if (done) done();
    }
  }
  return surfaces;
}

std::vector<double> grid_axis(double low, double high, int points) {
  require(points >= 2 && std::isfinite(low) && low < high && std::isfinite(high - low), "a grid of ", points,
          " points from ", low, " to ", high, " makes no sense: 2 or more points, from less to more");
  std::vector<double> axis;
  for (int i = 0; i < points; ++i) axis.push_back(std::lerp(low, high, static_cast<double>(i) / (points - 1)));
  return axis;
}

}  // namespace dgsam
