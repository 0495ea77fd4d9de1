#include "optim/analysis/vectors.h"

#include <cmath>
#include <vector>

namespace dgsam {

Vectors::Vectors(Backend& backend, const FlatVector& like)
    : backend_(&backend), zeros_(backend, like.shared_layout(), like.dtype()), scalar_(backend, sizeof(double)) {}

double Vectors::downloaded() const {
  double value = 0;
  backend_->download(&value, scalar());
  return value;
}

double Vectors::norm(const FlatVector& x) const {
  backend_->norm(x.all(), scalar());
  return downloaded();
}

double Vectors::dot(const FlatVector& x, const FlatVector& y) const {
  backend_->dot_product(x.all(), y.all(), scalar());
  return downloaded();
}

void Vectors::add(double alpha, const FlatVector& x, FlatVector& y) const {
  backend_->axpby(alpha, x.all(), 1, y.all());
}

void Vectors::scale(double alpha, FlatVector& x) const { backend_->axpby(0, zeros_.all(), alpha, x.all()); }

void Vectors::copy(const FlatVector& from, FlatVector& to) const { backend_->copy(from.all(), to.all()); }

template <class Draw>
void Vectors::fill(FlatVector& x, const Draw& draw) const {
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

void Vectors::draw_direction(RandomStream random, FlatVector& x) const {
  fill(x, [&] { return random.normal(); });
  scale(1 / norm(x), x);
}

void Vectors::draw_signs(RandomStream random, FlatVector& x) const {
  const double size = 1 / std::sqrt(static_cast<double>(x.layout().parameters()));
  fill(x, [&] { return random.next_u32() & 1 ? size : -size; });
}

}  // namespace dgsam
