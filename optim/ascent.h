// Ascent: the step up the gradient that SAM and DGSAM take.
#pragma once

#include "engine/backend.h"
#include "engine/core/flat_vector.h"

namespace dgsam {

class Ascent {
 public:
  /// rho: the step's length. eps: added to the norm that it divides by. adaptive: the length is measured in units of
  /// the parameters' sizes, as ASAM does (Kwon et al., ICML 2021; no constant is added to |θ|).
  Ascent(Backend& backend, const FlatVector& theta, double rho, double eps, bool adaptive);

  /// to = θ + ρ g/(‖g‖ + ε) or, adaptive, θ + ρ θ²g/(‖|θ|g‖ + ε), both with θ = `at`. norm = ‖g‖, f64[] on the device.
  /// `to` may be `at`.
  void step(const FlatVector& at, const FlatVector& g, ConstTensor norm, FlatVector& to);

 private:
  Backend* backend_;
  double rho_, eps_;
  bool adaptive_;
  FlatVector scaled_;   ///< adaptive: θ²g
  Buffer scaled_norm_;  ///< adaptive: f64, ‖|θ|g‖
};

}  // namespace dgsam
