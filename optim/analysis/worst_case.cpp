#include "optim/analysis/worst_case.h"

#include <algorithm>
#include <cmath>

#include "engine/core/check.h"
#include "optim/analysis/vectors.h"

namespace dgsam {
namespace {

/// Steps of ascent, in radii. On a quadratic with Hessian eigenvalues λ_i the ascent contracts by
/// |1 + 2 λ_i/μ|/3, μ >= λ_max: fast, and convergent for negative curvature down to -2μ, where longer steps oscillate.
constexpr double kStepLength = 2;

class Ascent {
 public:
  Ascent(Backend& backend, Loss& loss, const FlatVector& theta, const AscentOptions& options)
      : vectors_(backend, theta), loss_(loss), theta_(theta), options_(options) {
    clean_ = finite(loss.loss(theta));
    loss.gradient(theta, gradient_);
    gradient_norm_ = finite(vectors_.norm(gradient_));
  }

  double clean() const { return clean_; }

  LossIncrease within(double radius) {
    backend().zero(offset_.all());
    if (gradient_norm_ > 0) vectors_.add(radius / gradient_norm_, gradient_, offset_);
    LossIncrease increase{.radius = radius, .one_step = one_step(radius)};
    increase.multi_step = increase.one_step;
    for (int start = 0; start < options_.restarts; ++start) {
      if (start > 0) {
        vectors_.draw_direction(RandomStream(options_.seed, "worst case", static_cast<std::uint64_t>(start)), offset_);
        vectors_.scale(radius, offset_);
      }
      for (int step = 0; step < options_.steps; ++step) {
        if (!climb(radius)) break;
        increase.multi_step = std::max(increase.multi_step, finite(loss_.loss(point_)) - clean_);
      }
    }
    return increase;
  }

 private:
  Backend& backend() const { return vectors_.backend(); }

  double one_step(double radius) {
    Buffer buffer(backend(), sizeof(double));
    const Tensor norm{buffer.data(), {DType::f64, {}, Layout::dense}};
    backend().norm(gradient_.all(), norm);
    backend().ascend(theta_.all(), gradient_.all(), norm, radius, 0, point_.all());
    return finite(loss_.loss(point_)) - clean_;
  }

  /// One step from θ + offset, back onto the ball if it left it; point_ = θ + offset. False where the gradient is 0.
  bool climb(double radius) {
    move_to_offset();
    loss_.gradient(point_, g_);
    const double length = finite(vectors_.norm(g_));
    if (length == 0) return false;
    vectors_.add(kStepLength * radius / length, g_, offset_);
    const double distance = vectors_.norm(offset_);
    if (distance > radius) vectors_.scale(radius / distance, offset_);
    move_to_offset();
    return true;
  }
  void move_to_offset() {
    vectors_.copy(theta_, point_);
    vectors_.add(1, offset_, point_);
  }
  static double finite(double value) {
    require(std::isfinite(value), "the loss or its gradient is ", value, " at or near these parameters");
    return value;
  }

  Vectors vectors_;
  Loss& loss_;
  const FlatVector& theta_;
  AscentOptions options_;
  double clean_ = 0, gradient_norm_ = 0;
  FlatVector gradient_ = vectors_.make(), g_ = vectors_.make(), offset_ = vectors_.make(), point_ = vectors_.make();
};

}  // namespace

WorstCase worst_case(Backend& backend, Loss& loss, const FlatVector& theta, std::span<const double> radii,
                     const AscentOptions& options) {
  require(options.steps >= 0 && options.restarts >= 1, "ascent takes 0 or more steps and 1 or more restarts, not ",
          options.steps, " and ", options.restarts);
  for (const double radius : radii) {
    require(std::isfinite(radius) && radius > 0, "the radius ", radius, " is not a positive number");
  }
  Ascent ascent(backend, loss, theta, options);
  WorstCase result{.loss = ascent.clean(), .increases = {}};
  for (const double radius : radii) result.increases.push_back(ascent.within(radius));
  return result;
}

}  // namespace dgsam
