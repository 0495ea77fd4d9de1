#include "optim/method.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include "engine/core/check.h"
#include "engine/core/rng.h"
#include "optim/dgsam.h"
#include "optim/erm.h"
#include "optim/gsam.h"
#include "optim/sagm.h"
#include "optim/sam.h"

namespace dgsam {
namespace {

template <class T>
std::vector<double> as_double(const void* data, std::size_t count) {
  const T* const values = static_cast<const T*>(data);
  return {values, values + count};
}

std::vector<int> zero_to(int count) {
  std::vector<int> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

void require_finite(const StepReport& report, std::int64_t step, const std::vector<std::string>& domain_names) {
  const auto check = [&](std::size_t pass, double value, std::string_view quantity) {
    if (std::isfinite(value)) return;
    const int domain = report.domains[pass];
    fail("step ", step, ", pass ", pass + 1, " of ", report.losses.size(), ": the ", quantity, " of ",
         domain == StepReport::kMean ? "all domains together"
                                     : "domain " + domain_names.at(static_cast<std::size_t>(domain)),
         " is ", value);
  };
  for (std::size_t pass = 0; pass < report.losses.size(); ++pass) {
    check(pass, report.losses[pass], "loss");
    check(pass, report.norms[pass], "gradient norm");
  }
}

DomainOrder random_order(int domains, std::uint64_t seed) {
  return [domains, seed](std::int64_t step) {
    std::vector<int> order = zero_to(domains);
    RandomStream random(seed, "domain-order", static_cast<std::uint64_t>(step));
    for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
    return order;
  };
}

DomainOrder fixed_order(int domains) {
  return [order = zero_to(domains)](std::int64_t) { return order; };
}

Method::Method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, DomainOrder order, int domains,
               int passes)
    : backend_(&backend),
      base_(&base),
      order_of_step_(std::move(order)),
      domains_(domains),
      dtype_(theta.dtype()),
      losses_(backend, static_cast<std::size_t>(passes) * size_of(dtype_)),
      norms_(backend, static_cast<std::size_t>(passes) * size_of(DType::f64)) {
  require(domains >= 1, "a training method needs at least one domain, not ", domains);
  require(order_of_step_ != nullptr, "DGSAM needs a domain order");
  for (Seen& seen : seen_) seen = {backend.make_read_back(losses_.bytes()), backend.make_read_back(norms_.bytes()), {}};
}

void Method::step(std::int64_t step, FlatVector& theta, Gradient& gradient) {
  require(gradient.domains() == domains_, "a method for ", domains_, " domains was given a gradient of ",
          gradient.domains());
  Seen& seen = seen_[static_cast<std::size_t>(steps_ % 2)];
  seen.order = order_of_step_(step);
  const std::vector<int> all = zero_to(domains_);
  require(std::is_permutation(seen.order.begin(), seen.order.end(), all.begin(), all.end()),
          "the domain order of step ", step, " is no permutation of 0..", domains_ - 1);
  gradient.begin_step(step, seen.order);
  base_->begin_update();
  run_or_replay(theta, gradient);
  const auto passes = static_cast<std::int64_t>(batches_.size());
  seen.losses->start({losses_.data(), {dtype_, {passes}, Layout::dense}});
  seen.norms->start({norms_.data(), {DType::f64, {passes}, Layout::dense}});
  ++steps_;
}

void Method::set_recording(bool on) {
  records_ = on;
  recording_.reset();
}

void Method::run_or_replay(const FlatVector& theta, Gradient& gradient) {
  const bool again = recorded_theta_ == theta.data() && recorded_gradient_ == &gradient;
  if (recording_ && recording_->valid() && again) return recording_->replay();
  const auto work = [&] {
    batches_.clear();
    run(theta, gradient);
  };
  // The first step makes choices and memory; so does the first one after memory has moved, which ended a recording.
  const bool warm = again && !recording_;
  recording_.reset();
  recorded_theta_ = theta.data();
  recorded_gradient_ = &gradient;
  if (warm && records_) recording_ = backend_->record(work);
  recording_ ? recording_->replay() : work();
}

StepReport Method::report(int steps_ago) const {
  require(steps_ago >= 0 && steps_ago < 2 && steps_ago < steps_, "no report of ", steps_ago, " steps ago is kept");
  const Seen& seen = seen_[static_cast<std::size_t>((steps_ - 1 - steps_ago) % 2)];
  const std::size_t passes = batches_.size();
  StepReport report;
  const void* const losses = seen.losses->wait();
  report.losses = dtype_ == DType::f64 ? as_double<double>(losses, passes) : as_double<float>(losses, passes);
  report.norms = as_double<double>(seen.norms->wait(), passes);
  for (const int batch : batches_)
    report.domains.push_back(batch == StepReport::kMean ? batch : seen.order[static_cast<std::size_t>(batch)]);
  return report;
}

Tensor Method::pass(Gradient& gradient, int j, const FlatVector& at, const FlatVector& g) {
  gradient.of_batch(j, at, g, loss_slot());
  return end_pass(j, g);
}

Tensor Method::mean_pass(Gradient& gradient, const FlatVector& at, const FlatVector& g) {
  gradient.of_mean(at, g, loss_slot());
  return end_pass(StepReport::kMean, g);
}

Tensor Method::loss_slot() const {
  return {losses_.at(batches_.size() * size_of(dtype_)), {dtype_, {}, Layout::dense}};
}

Tensor Method::end_pass(int batch, const FlatVector& g) {
  const Tensor norm{norms_.at(batches_.size() * size_of(DType::f64)), {DType::f64, {}, Layout::dense}};
  backend_->norm(g.all(), norm);
  batches_.push_back(batch);
  return norm;
}

std::unique_ptr<Method> make_method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains,
                                    const MethodOptions& options) {
  const auto require_size = [](const char* flag, double value) {
    require(value >= 0 && std::isfinite(value), flag, " must be 0 or more, not ", value);
  };
  require_size("--rho", options.rho);
  require_size("--gsam-alpha", options.gsam_alpha);
  require_size("--sagm-alpha", options.sagm_alpha);
  if (options.name == "erm") return std::make_unique<Erm>(backend, base, theta, domains);
  if (options.name == "sam") return std::make_unique<Sam>(backend, base, theta, domains, options.rho);
  if (options.name == "gsam") {
    return std::make_unique<Gsam>(backend, base, theta, domains, options.rho, options.gsam_alpha);
  }
  if (options.name == "sagm") {
    return std::make_unique<Sagm>(backend, base, theta, domains, options.rho, options.sagm_alpha);
  }
  if (options.name == "dgsam") return std::make_unique<Dgsam>(backend, base, theta, domains, options);
  fail("--algorithm must be erm, sam, gsam, sagm or dgsam, not '", options.name, "'");
}

}  // namespace dgsam
