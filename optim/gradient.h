// Gradient: what a training method knows about the model. A network implements it, and so can a formula.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core/flat_vector.h"
#include "engine/core/tensor.h"

namespace dgsam {

/// The losses of one step's batches, one batch per domain, as functions of θ.
class Gradient {
 public:
  virtual ~Gradient() = default;

  /// S, the number of domains and of batches per step.
  virtual int domains() const = 0;

  /// Opens step `step`: batch j is the next one of domain order[j], for a permutation `order` of 0..S-1. Everything
  /// that comes from the host (images, labels, counters) is moved here; the calls below only queue work on the device,
  /// at addresses that are the same in every step and for every order.
  virtual void begin_step(std::int64_t step, std::span<const int> order) = 0;

  /// One pass: g = ∇L(theta) and loss = L(theta), L the mean loss of batch j. `g` has theta's layout and type and is
  /// another vector; `loss` is a device scalar of the same type, shape [].
  virtual void of_batch(int j, const FlatVector& theta, FlatVector& g, Tensor loss) = 0;

  /// The same for the mean over all S batches: g = 1/S Σ_j ∇L_j(theta), loss = 1/S Σ_j L_j(theta).
  virtual void of_mean(const FlatVector& theta, FlatVector& g, Tensor loss) = 0;
};

}  // namespace dgsam
