#include "tools/evaluation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dgsam {

namespace {

Network evaluation_network(const ModelSpec& model, NetworkOptions options) {
  options.training = false;
  options.dropout = 0;
  options.batch_norm = BatchNormMode::frozen;
  return build_network(model, options);
}

}  // namespace

DeviceBatch::DeviceBatch(Backend& backend, const Graph& graph)
    : backend_(&backend), images_type_(graph.type(graph.inputs()[0])) {
  images_ = Buffer(backend, images_type_.bytes());
  if (images_type_.dtype != DType::f32) {
    staging_ = Buffer(backend, static_cast<std::size_t>(images_type_.elements()) * sizeof(float));
  }
  labels_ = Buffer(backend, static_cast<std::size_t>(size()) * sizeof(std::int32_t));
  counters_ = Buffer(backend, kStepCounters * sizeof(std::int64_t));
  inputs_ = {images_.data(), labels_.data(), counters_.data()};
}

void DeviceBatch::upload(const HostBatch& batch) {
  require(batch.size() <= size(), "a batch of ", batch.size(), " images for a network of ", size());
  std::vector<float> images = batch.images;
  std::vector<std::int32_t> labels = batch.labels;
  images.resize(static_cast<std::size_t>(images_type_.elements()));
  labels.resize(static_cast<std::size_t>(size()));
  const Tensor device{images_.data(), images_type_};
  if (staging_.data()) {
    const Tensor staging{staging_.data(), {DType::f32, images_type_.shape, Layout::dense}};
    backend_->upload(staging, images.data());
    backend_->cast(staging, device);
  } else {
    backend_->upload(device, images.data());
  }
  backend_->upload({labels_.data(), {DType::i32, {size()}, Layout::dense}}, labels.data());
}

Evaluator::Evaluator(Backend& backend, const ModelSpec& model, NetworkOptions options, std::shared_ptr<Arena> arena)
    : Evaluator(backend, evaluation_network(model, options), std::move(arena)) {}

Evaluator::Evaluator(Backend& backend, Network network, std::shared_ptr<Arena> arena)
    : backend_(&backend),
      logits_(network.logits),
      program_(std::move(network.graph), backend, std::move(arena)),
      batch_(backend, program_.graph()),
      logits_type_{DType::f32, program_.graph().type(logits_).shape, Layout::dense},
      device_logits_(backend, logits_type_.bytes()),
      host_logits_(static_cast<std::size_t>(logits_type_.elements())) {}

std::span<const float> Evaluator::logits(const HostBatch& batch, const FlatVector& theta,
                                         const FlatVector& statistics) {
  batch_.upload(batch);
  program_.run({.theta = &theta, .statistics = &statistics, .inputs = batch_.inputs()});
  const Tensor f32{device_logits_.data(), logits_type_};
  backend_->cast(program_.value(logits_), f32);
  backend_->download(host_logits_.data(), f32);
  return std::span(host_logits_).first(static_cast<std::size_t>(batch.size()) * static_cast<std::size_t>(classes()));
}

Score Evaluator::evaluate(const ImageCache& cache, const DomainIndices& part, const TransformSpec& transform,
                          const FlatVector& theta, const FlatVector& statistics, int threads,
                          const std::function<void(int images)>& done, const EvalAugmentation& augmentation) {
  ScoreSum sum;
  EvalReader reader(cache, part, transform, batch_size(), threads, augmentation);
  for (HostBatch batch; reader.next(batch);) {
    std::span<const float> rows = logits(batch, theta, statistics);
    for (const std::int32_t label : batch.labels) {
      sum.add(rows.first(static_cast<std::size_t>(classes())), label);
      rows = rows.subspan(static_cast<std::size_t>(classes()));
    }
    if (done) done(batch.size());
  }
  return sum.score();
}

void ScoreSum::add(std::span<const float> logits, int label) {
  ++images_;
  correct_ += predicted_class(logits) == label;
  loss_ += cross_entropy(logits, label);
}

Score ScoreSum::score() const {
  const auto images = static_cast<double>(std::max<std::int64_t>(1, images_));
  return {images_, static_cast<double>(correct_) / images, loss_ / images};
}

int predicted_class(std::span<const float> logits) {
  return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double cross_entropy(std::span<const float> logits, int label) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(sum) - static_cast<double>(logits[static_cast<std::size_t>(label)]);
}

int find_test_env(const ImageFolder& folder, const std::string& test_env) {
  if (test_env == "none") return kNoTestEnv;
  std::string known;
  for (std::size_t domain = 0; domain < folder.domains.size(); ++domain) {
    const std::string& name = folder.domains[domain].name;
    if (test_env == name || test_env == std::to_string(domain)) return static_cast<int>(domain);
    known += (domain ? ", " : "") + std::to_string(domain) + " " + name;
  }
  fail("--test-env ", test_env, " is no domain of ", folder.root.string(), ", which has: ", known,
       "; or none, to train on all of them");
}

}  // namespace dgsam
