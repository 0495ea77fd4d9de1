#include "optim/program_gradient.h"

#include <algorithm>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// θ's loss scalar as a vector of one element, which axpby works on.
Tensor as_vector(const Tensor& scalar) { return {scalar.data, {scalar.dtype(), {1}, Layout::dense}}; }

const Type& input_type(const LossProgram& loss_program, std::size_t index) {
  const Graph& graph = loss_program.program->graph();
  require(graph.inputs().size() == 3, "a loss program takes images, labels and counters, not ", graph.inputs().size(),
          " inputs");
  return graph.type(graph.inputs()[index]);
}

}  // namespace

ProgramGradient::ProgramGradient(Backend& backend, const LossProgram& batch, const LossProgram& all,
                                 const FlatVector* statistics, int domains, std::uint64_t seed)
    : backend_(&backend),
      batch_(batch),
      all_(all),
      statistics_(statistics),
      domains_(domains),
      seed_(seed),
      staged_(static_cast<std::size_t>(domains)),
      host_counters_(static_cast<std::size_t>(2 * domains) * kStepCounters) {
  require(domains >= 1, "a gradient needs at least one domain, not ", domains);
  require(batch.program || all.program, "a gradient needs a program");
  image_type_ = input_type(batch.program ? batch : all, 0);
  const Shape& shape = image_type_.shape;
  batch_size_ = batch.program ? shape[0] : shape[0] / domains;
  image_type_.shape = {batch_size_, shape[1], shape[2], shape[3]};
  require(image_type_.layout == Layout::dense, "a loss program takes dense images");
  require(!all.program || input_type(all, 0) == images(0, domains).type, "a program for ", domains, " batches takes ",
          images(0, domains).type.text(), ", not ", all.program ? input_type(all, 0).text() : "");

  const auto count = static_cast<std::size_t>(domains);
  images_ = Buffer(backend, count * image_type_.bytes());
  labels_ = Buffer(backend, count * static_cast<std::size_t>(batch_size_) * sizeof(std::int32_t));
  counters_ = Buffer(backend, host_counters_.size() * sizeof(std::int64_t));
  const std::size_t f32_bytes = static_cast<std::size_t>(image_type_.elements()) * sizeof(float);
  if (backend.is_asynchronous()) {
    upload_ = Buffer(backend, count * f32_bytes);
  } else if (image_type_.dtype != DType::f32) {
    upload_ = Buffer(backend, f32_bytes);
  }
}

void ProgramGradient::stage(int domain, const float* images, const std::int32_t* labels) {
  staged_.at(static_cast<std::size_t>(domain)) = {images, {}, labels};
}

void ProgramGradient::stage(int domain, ImageMaker images, const std::int32_t* labels) {
  staged_.at(static_cast<std::size_t>(domain)) = {nullptr, std::move(images), labels};
}

void ProgramGradient::begin_step(std::int64_t step, std::span<const int> order) {
  for (int j = 0; j < domains_; ++j) {
    const int domain = order[static_cast<std::size_t>(j)];
    Staged& batch = staged_.at(static_cast<std::size_t>(domain));
    require((batch.images || batch.make) && batch.labels, "step ", step, " has no batch of domain ", domain);
    batch.make ? batch.make(images(j, 1)) : upload_images(j, batch.images);
    backend_->upload(labels(j, 1), batch.labels);
    batch = {};
  }
  backend_->release_early_uploads();
  for (std::size_t pass = 0; pass < host_counters_.size() / kStepCounters; ++pass) {
    std::int64_t* const counters = &host_counters_[pass * kStepCounters];
    counters[kCounterSeed] = static_cast<std::int64_t>(seed_);
    counters[kCounterStep] = step;
    counters[kCounterPass] = static_cast<std::int64_t>(pass);
  }
  const auto counters = static_cast<std::int64_t>(host_counters_.size());
  backend_->upload({counters_.data(), {DType::i64, {counters}, Layout::dense}}, host_counters_.data());
  pass_ = 0;
}

void ProgramGradient::upload_images(int j, const float* host) {
  if (!upload_.data()) return backend_->upload(images(j, 1), host);
  const Type type{DType::f32, image_type_.shape, Layout::dense};
  const bool early = backend_->is_asynchronous();
  const Tensor f32{upload_.at(early ? static_cast<std::size_t>(j) * type.bytes() : 0), type};
  early ? backend_->upload_early(f32, host) : backend_->upload(f32, host);
  backend_->cast(f32, images(j, 1));
}

void ProgramGradient::of_batch(int j, const FlatVector& theta, const FlatVector& g, const Tensor& loss) {
  require(batch_.program, "this gradient was built without a program for one domain's batch");
  backend_->copy(run(batch_, j, theta, g), loss);
}

void ProgramGradient::of_mean(const FlatVector& theta, const FlatVector& g, const Tensor& loss) {
  if (all_.program) {
    backend_->copy(run(all_, 0, theta, g), loss);
    return;
  }
  if (!part_.data()) part_ = FlatVector(*backend_, g.shared_layout(), g.dtype());
  for (int j = 0; j < domains_; ++j) {
    const Tensor batch_loss = run(batch_, j, theta, part_);
    const double keep = j == 0 ? 0 : 1;
    backend_->axpby(1.0 / domains_, part_.all(), keep, g.all());
    backend_->axpby(1.0 / domains_, as_vector(batch_loss), keep, as_vector(loss));
  }
}

Tensor ProgramGradient::run(const LossProgram& loss_program, int first, const FlatVector& theta, const FlatVector& g) {
  require(pass_ < 2 * domains_, "a step has at most ", 2 * domains_, " passes");
  const std::size_t counters = static_cast<std::size_t>(pass_++) * kStepCounters * sizeof(std::int64_t);
  void* const inputs[] = {images(first, 1).data, labels(first, 1).data, counters_.at(counters)};
  loss_program.program->run({.theta = &theta, .gradient = &g, .statistics = statistics_, .inputs = inputs});
  return loss_program.program->value(loss_program.loss);
}

Tensor ProgramGradient::images(int first, int count) const {
  Type type = image_type_;
  type.shape = {count * batch_size_, type.shape[1], type.shape[2], type.shape[3]};
  return {images_.at(static_cast<std::size_t>(first) * image_type_.bytes()), type};
}

Tensor ProgramGradient::labels(int first, int count) const {
  const std::size_t offset = static_cast<std::size_t>(first * batch_size_) * sizeof(std::int32_t);
  return {labels_.at(offset), {DType::i32, {count * batch_size_}, Layout::dense}};
}

}  // namespace dgsam
