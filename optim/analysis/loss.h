// Loss: what measurements of a loss surface know about the model. A network implements it, and so can a formula.
#pragma once

#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"

namespace dgsam {

/// One function of θ: the same images, without dropout, at every call.
class Loss {
 public:
  virtual ~Loss() = default;
  /// L(theta).
  virtual double loss(const FlatVector& theta) = 0;
  /// g = ∇L(theta). `g` has theta's layout and type and is another vector.
  virtual void gradient(const FlatVector& theta, FlatVector& g) = 0;
};

/// 1/S Σ L_i, the total loss of S domains.
class MeanLoss final : public Loss {
 public:
  /// The losses and the backend must outlive this object. Throws Error without losses.
  MeanLoss(Backend& backend, std::vector<Loss*> losses);
  double loss(const FlatVector& theta) override;
  void gradient(const FlatVector& theta, FlatVector& g) override;

 private:
  Backend* backend_;
  std::vector<Loss*> losses_;
  FlatVector part_;  ///< made on first use
};

}  // namespace dgsam
