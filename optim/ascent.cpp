#include "optim/ascent.h"

namespace dgsam {

Ascent::Ascent(Backend& backend, const FlatVector& theta, double rho, double eps, bool adaptive)
    : backend_(&backend), rho_(rho), eps_(eps), adaptive_(adaptive) {
  if (!adaptive) return;
  scaled_ = FlatVector(backend, theta.shared_layout(), theta.dtype());
  scaled_norm_ = Buffer(backend, sizeof(double));
}

void Ascent::step(const FlatVector& at, const FlatVector& g, ConstTensor norm, FlatVector& to) {
  if (!adaptive_) return backend_->ascend(at.all(), g.all(), norm, rho_, eps_, to.all());
  const Tensor scaled_norm{scaled_norm_.data(), {DType::f64, {}, Layout::dense}};
  backend_->copy(g.all(), scaled_.all());
  backend_->multiply(at.all(), scaled_.all());  // θ g, as long as |θ| g
  backend_->norm(scaled_.all(), scaled_norm);
  backend_->multiply(at.all(), scaled_.all());  // θ² g
  backend_->ascend(at.all(), scaled_.all(), scaled_norm, rho_, eps_, to.all());
}

}  // namespace dgsam
