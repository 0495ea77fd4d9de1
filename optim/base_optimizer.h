// Base optimizers: Adam, AdamW, SGD. They turn one gradient into one update of θ.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"

namespace dgsam {

struct OptimizerOptions {
  std::string name = "adam";  ///< "adam" (weight decay added to the gradient), "adamw" (decoupled) or "sgd"
  double learning_rate = 5e-5;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;  ///< Adam and AdamW
  double momentum = 0.9;                          ///< SGD
  bool nesterov = false;                          ///< SGD
};

class BaseOptimizer {
 public:
  /// A vector that a checkpoint has to keep, under its name ("adam.m").
  struct State {
    std::string name;
    FlatVector* vector;
  };

  BaseOptimizer(Backend& backend, const OptimizerOptions& options);
  virtual ~BaseOptimizer() = default;

  /// Counts an update and hands its learning rate and bias corrections to the device. Once before each update().
  void begin_update();
  /// theta <- theta updated by scale·gradient. Queues work on the device only.
  virtual void update(FlatVector& theta, const FlatVector& gradient, double scale) = 0;

  /// All vectors of the state, in a fixed order. They start at zero.
  virtual std::vector<State> state() = 0;
  /// t of the bias corrections: begun updates. To be restored together with state().
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 protected:
  Backend& backend() const { return *backend_; }
  const OptimizerOptions& options() const { return options_; }
  /// f64[kOptimizerScalars] of the update that was begun last.
  Tensor scalars();

 private:
  Backend* backend_;
  OptimizerOptions options_;
  Buffer scalars_;
  std::int64_t updates_ = 0;
};

/// Allocates the state for a vector like `theta`. Throws Error for an unknown name and for values out of range.
std::unique_ptr<BaseOptimizer> make_base_optimizer(Backend& backend, const FlatVector& theta,
                                                   const OptimizerOptions& options);

}  // namespace dgsam
