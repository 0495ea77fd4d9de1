#include "analysis/vectors.h"

#include <cmath>
#include <vector>

namespace dgsam {

Vectors::Vectors(Backend& backend, const FlatVector& like)
    : backend_(&backend), scratch_(backend, like.shared_layout(), like.dtype()), norm_(backend, sizeof(double)) {}

double Vectors::norm(const FlatVector& x) const {
  const Tensor norm{norm_.data(), {DType::f64, {}, Layout::dense}};
  backend_->norm(x.all(), norm);
  double value = 0;
  backend_->download(&value, norm);
  return value;
}

double Vectors::dot(const FlatVector& x, const FlatVector& y) const {
  const double length_x = norm(x), length_y = norm(y);
  if (length_x == 0 || length_y == 0) return 0;
  backend_->axpby(1 / length_x, x.all(), 0, scratch_.all());
  add(1 / length_y, y, scratch_);
  const double sum = norm(scratch_);
  add(-2 / length_y, y, scratch_);
  const double difference = norm(scratch_);
  backend_->zero(scratch_.all());
  return length_x * length_y / 4 * (sum - difference) * (sum + difference);
}

void Vectors::add(double alpha, const FlatVector& x, const FlatVector& y) const {
  backend_->axpby(alpha, x.all(), 1, y.all());
}

void Vectors::scale(double alpha, const FlatVector& x) const { backend_->axpby(0, scratch_.all(), alpha, x.all()); }

void Vectors::copy(const FlatVector& from, const FlatVector& to) const { backend_->copy(from.all(), to.all()); }

template <class Draw>
void Vectors::fill(const FlatVector& x, const Draw& draw) const {
  std::vector<double> values;
  std::vector<float> single;
  for (const FlatLayout::Segment& segment : x.layout().segments()) {
    const Tensor tensor = x.segment(segment);
    values.resize(static_cast<std::size_t>(tensor.elements()));
    for (double& value : values) value = draw();
    single.assign(values.begin(), values.end());
    const bool is_double = x.dtype() == DType::f64;
    backend_->upload(tensor, is_double ? static_cast<const void*>(values.data()) : single.data());
  }
}

void Vectors::draw_direction(RandomStream random, const FlatVector& x) const {
  fill(x, [&] { return random.normal(); });
  scale(1 / norm(x), x);
}

void Vectors::draw_signs(RandomStream random, const FlatVector& x) const {
  const double size = 1 / std::sqrt(static_cast<double>(x.layout().parameters()));
  fill(x, [&] { return random.next_u32() & 1 ? size : -size; });
}

}  // namespace dgsam
