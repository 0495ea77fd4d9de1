#include "optim/base_optimizer.h"

#include <array>
#include <cmath>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Adam and AdamW: one formula but for where the weight decay enters.
class Adam : public BaseOptimizer {
 public:
  Adam(Backend& backend, const FlatVector& theta, const OptimizerOptions& options, bool decoupled)
      : BaseOptimizer(backend, options),
        spec_{options.beta1, options.beta2, options.eps, options.weight_decay, decoupled},
        m_(backend, theta.shared_layout(), theta.dtype()),
        v_(backend, theta.shared_layout(), theta.dtype()) {}

  void update(FlatVector& theta, const FlatVector& gradient, double scale) override {
    backend().adam(theta.all(), gradient.all(), scale, m_.all(), v_.all(), scalars(), spec_);
  }
  std::vector<State> state() override { return {{"adam.m", &m_}, {"adam.v", &v_}}; }

 private:
  AdamSpec spec_;
  FlatVector m_, v_;
};

class Sgd : public BaseOptimizer {
 public:
  Sgd(Backend& backend, const FlatVector& theta, const OptimizerOptions& options)
      : BaseOptimizer(backend, options), spec_{options.momentum, options.nesterov, options.weight_decay} {
    if (options.momentum != 0) velocity_ = FlatVector(backend, theta.shared_layout(), theta.dtype());
  }

  void update(FlatVector& theta, const FlatVector& gradient, double scale) override {
    backend().sgd(theta.all(), gradient.all(), scale, velocity(), scalars(), spec_);
  }
  std::vector<State> state() override {
    if (spec_.momentum == 0) return {};
    return {{"sgd.velocity", &velocity_}};
  }

 private:
  Tensor velocity() { return spec_.momentum == 0 ? Tensor{} : velocity_.all(); }

  SgdSpec spec_;
  FlatVector velocity_;  ///< empty without momentum
};

}  // namespace

BaseOptimizer::BaseOptimizer(Backend& backend, const OptimizerOptions& options)
    : backend_(&backend), options_(options), scalars_(backend, kOptimizerScalars * sizeof(double)) {}

void BaseOptimizer::begin_update() {
  const auto t = static_cast<double>(++updates_);
  std::array<double, kOptimizerScalars> values{};
  values[kLearningRate] = options_.learning_rate;
  values[kBiasCorrection1] = 1 - std::pow(options_.beta1, t);
  values[kBiasCorrection2] = 1 - std::pow(options_.beta2, t);
  backend_->upload(scalars(), values.data());
}

Tensor BaseOptimizer::scalars() { return {scalars_.data(), {DType::f64, {kOptimizerScalars}, Layout::dense}}; }

std::unique_ptr<BaseOptimizer> make_base_optimizer(Backend& backend, const FlatVector& theta,
                                                   const OptimizerOptions& options) {
  const auto in_unit_interval = [](double value) { return value >= 0 && value < 1; };
  require(options.learning_rate > 0 && std::isfinite(options.learning_rate), "--lr must be above 0, not ",
          options.learning_rate);
  require(options.weight_decay >= 0 && std::isfinite(options.weight_decay), "--weight-decay must be 0 or more, not ",
          options.weight_decay);
  if (options.name == "adam" || options.name == "adamw") {
    require(in_unit_interval(options.beta1) && in_unit_interval(options.beta2), "Adam's betas must be in [0, 1), not ",
            options.beta1, " and ", options.beta2);
    require(options.eps > 0, "Adam's eps must be above 0, not ", options.eps);
    return std::make_unique<Adam>(backend, theta, options, options.name == "adamw");
  }
  if (options.name == "sgd") {
    require(in_unit_interval(options.momentum), "--momentum must be in [0, 1), not ", options.momentum);
    require(!options.nesterov || options.momentum > 0, "--nesterov needs a --momentum above 0");
    return std::make_unique<Sgd>(backend, theta, options);
  }
  fail("--optimizer must be adam, adamw or sgd, not '", options.name, "'");
}

}  // namespace dgsam
