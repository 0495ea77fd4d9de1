// Planes on quadratics, whose losses have closed forms, and directions on a layout like a network's.
#include "optim/analysis/plane.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/analysis/analysis_support.h"
#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

double distance(const Vector& a, const Vector& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

Vector at(const Plane& plane, PlanePoint point) {
  FlatVector theta = plane.vectors().make();
  plane.move_to(point, theta);
  return read(plane.vectors().backend(), theta);
}

/// A convolution 4 x 2 x 2 x 3 (K,R,S,C) with its batch norm, and a linear layer 2 x 5 with its bias; θ = 0.1, 0.2, ...
/// but for one filter of zeros.
FlatVector network_like(Backend& backend, DType dtype) {
  const auto layout = std::make_shared<FlatLayout>();
  layout->add("conv.weight", {4, 2, 2, 3});
  layout->add("norm.weight", {4});
  layout->add("fc.weight", {2, 5});
  layout->add("fc.bias", {2});
  FlatVector theta(backend, layout, dtype);
  Vector values(static_cast<std::size_t>(layout->parameters()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i / 12 == 2 ? 0 : 0.1 * static_cast<double>(i + 1);
  write(backend, theta, values);
  return theta;
}

TEST_CASE("every filter of a random direction is as long as the filter of the weights; biases and norms have none") {
  const auto backend = make_backend("cpu", {.threads = 1});
  for (const DType dtype : {DType::f64, DType::f32}) {
    const FlatVector theta = network_like(*backend, dtype);
    const Vectors vectors(*backend, theta);
    FlatVector d = vectors.make();
    draw_filter_normalised(vectors, RandomStream(1, "test"), theta, d);
    const Vector weights = read(*backend, theta), drawn = read(*backend, d);
    const double tolerance = dtype == DType::f64 ? 1e-13 : 1e-6;
    struct Filters {
      std::size_t start, count, size;
    };
    for (const Filters& filters : {Filters{0, 4, 12}, Filters{52, 2, 5}}) {
      for (std::size_t f = 0; f < filters.count; ++f) {
        const auto part = [&](const Vector& all) {
          const auto from = all.begin() + static_cast<std::ptrdiff_t>(filters.start + f * filters.size);
          return Vector(from, from + static_cast<std::ptrdiff_t>(filters.size));
        };
        const Vector zeros(filters.size, 0.0);
        CHECK(distance(part(drawn), zeros) == doctest::Approx(distance(part(weights), zeros)).epsilon(tolerance));
        if (f != 2) CHECK(std::abs(part(drawn)[0] / part(drawn)[1] - part(weights)[0] / part(weights)[1]) > 1e-3);
      }
    }
    for (const std::size_t i : {48, 49, 50, 51, 62, 63}) CHECK(drawn[i] == 0);
  }
}

TEST_CASE("a direction needs a filter that is not zero") {
  const auto backend = make_backend("cpu", {.threads = 1});
  QuadraticLoss loss(*backend, random_quadratic(5, 1), Vector(5, 1.0));  // rank 1: like biases alone
  CHECK(error_of([&] { Plane::random(*backend, loss.theta, 0); }).find("no filter to draw") != std::string::npos);
}

TEST_CASE("a seed repeats a random plane to the bit; another seed and the other axis differ; the centre is theta") {
  const auto backend = make_backend("cpu", {.threads = 1});
  const FlatVector theta = network_like(*backend, DType::f32);
  const Plane first = Plane::random(*backend, theta, 3), again = Plane::random(*backend, theta, 3);
  CHECK(at(first, {0, 0}) == read(*backend, theta));
  CHECK(at(first, {0.7, -0.3}) == at(again, {0.7, -0.3}));
  CHECK(at(first, {1, 0}) == at(Plane::random_line(*backend, theta, 3), {1, 0}));
  CHECK(distance(at(first, {1, 0}), at(first, {0, 1})) > 0.1);
  CHECK(distance(at(first, {1, 0}), at(Plane::random(*backend, theta, 4), {1, 0})) > 0.1);
}

TEST_CASE("the plane through three points contains them, in orthonormal coordinates") {
  const auto backend = make_backend("cpu", {.threads = 1});
  std::vector<QuadraticLoss> at_points;
  std::vector<Vector> points;
  RandomStream random(5, "points");
  for (int k = 0; k < 3; ++k) {
    Vector& point = points.emplace_back(7);
    for (double& value : point) value = random.normal();
    at_points.emplace_back(*backend, random_quadratic(7, 1), point);
  }
  const Plane plane = Plane::through(*backend, at_points[0].theta, at_points[1].theta, at_points[2].theta);
  REQUIRE(plane.points().size() == 3);
  for (std::size_t k = 0; k < 3; ++k) CHECK(distance(at(plane, plane.points()[k]), points[k]) < 1e-13);
  CHECK(plane.points()[1].y == 0);
  CHECK(plane.points()[2].y > 0);
  for (const PlanePoint step : {PlanePoint{1, 0}, PlanePoint{0, 1}, PlanePoint{0.6, -0.8}})
    CHECK(distance(at(plane, step), points[0]) == doctest::Approx(1).epsilon(1e-13));
}

TEST_CASE("a line goes from one point to the other") {
  const auto backend = make_backend("cpu", {.threads = 1});
  const Vector a = {1, 2, 3, 4}, b = {3, 2, -1, 0};
  const QuadraticLoss from(*backend, random_quadratic(4, 1), a), to(*backend, random_quadratic(4, 1), b);
  const Plane line = Plane::line(*backend, from.theta, to.theta);
  CHECK(at(line, {0, 0}) == a);
  CHECK(at(line, {1, 0}) == b);
  CHECK(at(line, {-0.5, 0}) == Vector{0, 2, 5, 6});
}

TEST_CASE("points that span no plane or line are refused, and those that barely do are not") {
  const auto backend = make_backend("cpu", {.threads = 1});
  const Quadratic quadratic = random_quadratic(3, 1);
  const auto point = [&](double x, double y) { return QuadraticLoss(*backend, quadratic, {x, y, 0.3}); };
  const QuadraticLoss a = point(1, 1), b = point(2, 3), beyond = point(4, 7), beside = point(4, 7.01);
  const auto through = [&](const QuadraticLoss& c) { Plane::through(*backend, a.theta, b.theta, c.theta); };
  CHECK(error_of([&] { through(beyond); }).find("on one line") != std::string::npos);
  CHECK(error_of([&] { through(b); }).find("on one line") != std::string::npos);
  CHECK(error_of([&] { through(a); }).find("no plane goes through them") != std::string::npos);
  CHECK(error_of([&] { through(beside); }).empty());
  CHECK(error_of([&] { Plane::line(*backend, a.theta, a.theta); }).find("no line") != std::string::npos);
}

TEST_CASE("surfaces of quadratics have the closed form's values at the right places, each point visited once") {
  const auto backend = make_backend("cpu", {.threads = 1});
  const Quadratic first = random_quadratic(6, 1), second = random_quadratic(6, 2);
  const Vector a(6, 0.5), b = {1, 0, 2, 0, -1, 3}, c = {0, 1, 0, 1, 2, 2};
  QuadraticLoss loss(*backend, first, a), other(*backend, second, b);
  const QuadraticLoss third(*backend, second, c);
  const Plane plane = Plane::through(*backend, loss.theta, other.theta, third.theta);
  const std::vector<double> x = grid_axis(-2, 2, 5), y = grid_axis(0, 3, 4);
  int visited = 0;
  const std::vector<Loss*> losses = {&loss, &other};
  const std::vector<Surface> found = surfaces(plane, x, y, losses, [&] { ++visited; });
  CHECK(visited == 20);
  REQUIRE(found.size() == 2);
  const Vector u = at(plane, {1, 0}), v = at(plane, {0, 1});
  for (std::size_t j = 0; j < y.size(); ++j) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      Vector theta = a;
      for (std::size_t k = 0; k < a.size(); ++k) theta[k] += x[i] * (u[k] - a[k]) + y[j] * (v[k] - a[k]);
      CHECK(found[0][j][i] == doctest::Approx(first.loss(theta)).epsilon(1e-12));
      CHECK(found[1][j][i] == doctest::Approx(second.loss(theta)).epsilon(1e-12));
    }
  }
  CHECK(found[0][0][2] == first.loss(a));
}

TEST_CASE("a grid's ends are exact, and so is the middle of one around 0") {
  for (const double range : {1.0, 0.1, 0.3, 7e-5}) {
    for (const int points : {3, 21, 49}) {
      const std::vector<double> axis = grid_axis(-range, range, points);
      REQUIRE(axis.size() == static_cast<std::size_t>(points));
      CHECK(axis.front() == -range);
      CHECK(axis.back() == range);
      CHECK(axis[static_cast<std::size_t>(points / 2)] == 0);
    }
  }
  CHECK(grid_axis(1, 3, 3) == std::vector<double>{1, 2, 3});
  CHECK(error_of([] { grid_axis(0, 1, 1); }).find("grid of 1 points") != std::string::npos);
  CHECK(error_of([] { grid_axis(1, 1, 3); }).find("from 1 to 1") != std::string::npos);
}

}  // namespace
}  // namespace dgsam
