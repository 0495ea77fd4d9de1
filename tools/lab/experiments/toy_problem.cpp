#include "tools/lab/experiments/toy_problem.h"

#include <cmath>

namespace dgsam {
namespace {

ToyLoss total(ToyPoint at) {
  const double well = at.u * at.u - 1;
  return {well * well / 8 + at.v * at.v / 2, {at.u * well / 2, at.v}};
}

ToyLoss difference(ToyPoint at) {
  const double x = at.u + 1, v = at.v;
  const double q = (x * x + v * v) / (kToyReach * kToyReach);
  const double window = kToyDifference * std::exp(-q * q * q);
  const double slope = 6 * q * q / (kToyReach * kToyReach);  // d(q³)/dx = slope·x, and the same for v
  return {window * x * v, {window * v * (1 - slope * x * x), window * x * (1 - slope * v * v)}};
}

ToyLoss gradient_of(int domain, ToyPoint at) { return domain < 0 ? toy_total(at) : toy_domain(domain, at); }

}  // namespace

ToyLoss toy_domain(int domain, ToyPoint at) {
  const ToyLoss t = total(at), d = difference(at);
  const double sign = domain == 0 ? 1 : -1;
  return {t.loss + sign * d.loss, {t.gradient.u + sign * d.gradient.u, t.gradient.v + sign * d.gradient.v}};
}

ToyLoss toy_total(ToyPoint at) {
  const ToyLoss one = toy_domain(0, at), two = toy_domain(1, at);
  return {(one.loss + two.loss) / 2, {(one.gradient.u + two.gradient.u) / 2, (one.gradient.v + two.gradient.v) / 2}};
}

std::array<double, 2> toy_curvatures(int domain, ToyPoint at) {
  constexpr double kStep = 1e-5;
  const auto slope = [&](double du, double dv) {
    const ToyPoint up = gradient_of(domain, {at.u + du, at.v + dv}).gradient;
    const ToyPoint down = gradient_of(domain, {at.u - du, at.v - dv}).gradient;
    return ToyPoint{(up.u - down.u) / (2 * kStep), (up.v - down.v) / (2 * kStep)};
  };
  const ToyPoint by_u = slope(kStep, 0), by_v = slope(0, kStep);
  const double mean = (by_u.u + by_v.v) / 2;
  const double radius = std::hypot((by_u.u - by_v.v) / 2, (by_u.v + by_v.u) / 2);
  return {mean - radius, mean + radius};
}

std::shared_ptr<const FlatLayout> ToyGradient::layout() {
  auto layout = std::make_shared<FlatLayout>();
  layout->add("theta", {2});
  return layout;
}

ToyPoint ToyGradient::read(Backend& backend, const FlatVector& vector) {
  std::array<double, 2> values{};
  backend.download(values.data(), vector.segment(0));
  return {values[0], values[1]};
}

void ToyGradient::write(Backend& backend, FlatVector& vector, ToyPoint values) {
  const std::array<double, 2> both{values.u, values.v};
  backend.upload(vector.segment(0), both.data());
}

void ToyGradient::begin_step(std::int64_t, std::span<const int> order) { order_.assign(order.begin(), order.end()); }

void ToyGradient::of_batch(int j, const FlatVector& theta, FlatVector& g, Tensor loss) {
  write(toy_domain(order_[static_cast<std::size_t>(j)], read(*backend_, theta)), g, loss);
}

void ToyGradient::of_mean(const FlatVector& theta, FlatVector& g, Tensor loss) {
  write(toy_total(read(*backend_, theta)), g, loss);
}

void ToyGradient::write(const ToyLoss& value, FlatVector& g, Tensor loss) const {
  write(*backend_, g, value.gradient);
  backend_->upload(loss, &value.loss);
}

}  // namespace dgsam
