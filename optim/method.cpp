#include "optim/method.h"

#include <algorithm>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {

Method::Method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, DomainOrder order, int domains,
               int passes)
    : backend_(&backend),
      base_(&base),
      recorder_(backend),
      order_of_step_(std::move(order)),
      domains_(domains),
      dtype_(theta.dtype()),
      batches_(static_cast<std::size_t>(passes)),
      losses_(backend, batches_.size() * size_of(dtype_)),
      norms_(backend, batches_.size() * size_of(DType::f64)),
      pending_{PendingReport(backend, passes, dtype_), PendingReport(backend, passes, dtype_)} {
  require(domains >= 1, "a training method needs at least one domain, not ", domains);
  require(order_of_step_ != nullptr, "a training method needs a domain order");
}

void Method::step(std::int64_t step, FlatVector& theta, Gradient& gradient) {
  require(gradient.domains() == domains_, "a method for ", domains_, " domains was given a gradient of ",
          gradient.domains());
  std::vector<int> order = order_of_step_(step);
  const std::vector<int> all = fixed_order(domains_)(step);
  require(std::is_permutation(order.begin(), order.end(), all.begin(), all.end()), "the domain order of step ", step,
          " is no permutation of 0..", domains_ - 1);
  gradient.begin_step(step, order);
  base_->begin_update();
  begin(step);
  pass_ = 0;
  if (!recorder_.replay(theta, gradient, [&] { run(theta, gradient); })) run(theta, gradient);

  const auto passes = static_cast<std::int64_t>(batches_.size());
  pending_[static_cast<std::size_t>(steps_ % 2)].start({losses_.data(), {dtype_, {passes}, Layout::dense}},
                                                       {norms_.data(), {DType::f64, {passes}, Layout::dense}}, batches_,
                                                       std::move(order));
  ++steps_;
}

StepReport Method::report(int steps_ago) const {
  require(steps_ago >= 0 && steps_ago < 2 && steps_ago < steps_, "no report of ", steps_ago, " steps ago is kept");
  return pending_[static_cast<std::size_t>((steps_ - 1 - steps_ago) % 2)].wait();
}

Tensor Method::pass(Gradient& gradient, int j, const FlatVector& at, FlatVector& g) {
  gradient.of_batch(j, at, g, loss_slot(pass_));
  return end_pass(j, g);
}

Tensor Method::mean_pass(Gradient& gradient, const FlatVector& at, FlatVector& g) {
  gradient.of_mean(at, g, loss_slot(pass_));
  return end_pass(StepReport::kMean, g);
}

Tensor Method::last_loss() { return loss_slot(pass_ - 1); }

Tensor Method::loss_slot(std::size_t pass) { return {losses_.at(pass * size_of(dtype_)), {dtype_, {}, Layout::dense}}; }

Tensor Method::end_pass(int batch, FlatVector& g) {
  const Tensor norm{norms_.at(pass_ * size_of(DType::f64)), {DType::f64, {}, Layout::dense}};
  backend_->norm(g.all(), norm);
  batches_.at(pass_++) = batch;
  return norm;
}

}  // namespace dgsam
