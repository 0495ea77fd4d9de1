#include "models/network_gradient.h"

#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// θ's loss scalar as a vector of one element, which axpby works on.
template <class Data>
TensorView<Data> as_vector(const TensorView<Data>& scalar) {
  return {scalar.data, {scalar.dtype(), {1}, Layout::dense}};
}

}  // namespace

NetworkGradient::NetworkGradient(Backend& backend, Network network, std::shared_ptr<Arena> arena,
                                 FlatVector& statistics, const NetworkGradientOptions& options)
    : backend_(&backend),
      statistics_(&statistics),
      options_(options),
      loss_(network.loss),
      program_(std::move(network.graph), backend, std::move(arena)),
      batches_(backend, image_type(program_.graph(), options.domains_together ? options.domains : 1), options.domains,
               backend.is_asynchronous() ? DeviceBatch::Uploads::early : DeviceBatch::Uploads::in_order),
      staged_(static_cast<std::size_t>(options.domains)),
      host_counters_(static_cast<std::size_t>(passes()) * kStepCounters),
      counters_(backend, host_counters_.size() * sizeof(std::int64_t)) {
  require(options.domains >= 1, "a gradient needs at least one domain, not ", options.domains);
}

void NetworkGradient::stage(int domain, ImageBatch batch) {
  require(std::ssize(batch.labels) == batch_size(), "a batch of ", batch.labels.size(), " images for a network of ",
          batch_size());
  staged_.at(static_cast<std::size_t>(domain)) = std::move(batch);
}

void NetworkGradient::stage(std::span<const ImageBatch> batches) {
  for (std::size_t domain = 0; domain < batches.size(); ++domain) stage(static_cast<int>(domain), batches[domain]);
}

void NetworkGradient::begin_step(std::int64_t step, std::span<const int> order) {
  for (int j = 0; j < domains(); ++j) {
    const int domain = order[static_cast<std::size_t>(j)];
    ImageBatch& batch = staged_.at(static_cast<std::size_t>(domain));
    require(!batch.labels.empty(), "step ", step, " has no batch of domain ", domain);
    batches_.load(batch, j);
    batch = {};
  }
  backend_->release_early_uploads();
  for (int pass = 0; pass < passes(); ++pass) {
    std::int64_t* const counters = &host_counters_[static_cast<std::size_t>(pass) * kStepCounters];
    counters[kCounterSeed] = static_cast<std::int64_t>(options_.seed);
    counters[kCounterStep] = step;
    counters[kCounterPass] = pass;
  }
  const auto counters = static_cast<std::int64_t>(host_counters_.size());
  backend_->upload({counters_.data(), {DType::i64, {counters}, Layout::dense}}, host_counters_.data());
  pass_ = 0;
}

void NetworkGradient::of_batch(int j, const FlatVector& theta, FlatVector& g, Tensor loss) {
  require(!options_.domains_together, "a network that takes all domains together has no gradient of one of them");
  const auto inputs = next_inputs(j, 1);
  program_.run({.theta = &theta,
                .gradient = &g,
                .statistics = statistics_,
                .running_statistics = statistics_,
                .inputs = inputs});
  backend_->copy(program_.value(loss_), loss);
}

void NetworkGradient::of_mean(const FlatVector& theta, FlatVector& g, Tensor loss) {
  if (options_.domains_together) {
    const auto inputs = next_inputs(0, domains());
    program_.run({.theta = &theta,
                  .gradient = &g,
                  .statistics = statistics_,
                  .running_statistics = statistics_,
                  .inputs = inputs});
    backend_->copy(program_.value(loss_), loss);
    return;
  }
  if (!part_.data()) part_ = FlatVector(*backend_, g.shared_layout(), g.dtype());
  for (int j = 0; j < domains(); ++j) {
    const auto inputs = next_inputs(j, 1);
    program_.run({.theta = &theta,
                  .gradient = &part_,
                  .statistics = statistics_,
                  .running_statistics = statistics_,
                  .inputs = inputs});
    const double keep = j == 0 ? 0 : 1;
    backend_->axpby(1.0 / domains(), part_.all(), keep, g.all());
    backend_->axpby(1.0 / domains(), as_vector(program_.value(loss_)), keep, as_vector(loss));
  }
}

std::array<NamedInput, 3> NetworkGradient::next_inputs(int first, int count) {
  require(pass_ < passes(), "a step has at most ", passes(), " passes");
  const std::size_t counters = static_cast<std::size_t>(pass_++) * kStepCounters * sizeof(std::int64_t);
  return {NamedInput{"images", batches_.images(first, count)},
          {"labels", batches_.labels(first, count)},
          {"counters", {counters_.at(counters), {DType::i64, {kStepCounters}, Layout::dense}}}};
}

}  // namespace dgsam
