#include "tools/train/evaluation.h"

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

Evaluator::Evaluator(Backend& backend, const ModelSpec& model, NetworkOptions options, std::shared_ptr<Arena> arena)
    : Evaluator(backend, evaluation_network(model, options), std::move(arena)) {}

Evaluator::Evaluator(Backend& backend, Network network, std::shared_ptr<Arena> arena)
    : backend_(&backend),
      logits_(network.logits),
      program_(std::move(network.graph), backend, std::move(arena)),
      batch_(backend, image_type(program_.graph())),
      logits_type_{DType::f32, program_.graph().type(logits_).shape, Layout::dense},
      device_logits_(backend, logits_type_.bytes()),
      host_logits_(static_cast<std::size_t>(logits_type_.elements())) {}

std::span<const float> Evaluator::logits(const HostBatch& batch, const FlatVector& theta,
                                         const FlatVector& statistics) {
  batch_.load(image_batch(batch));
  return run(batch.size(), theta, statistics);
}

std::span<const float> Evaluator::run(int count, const FlatVector& theta, const FlatVector& statistics) {
  program_.run({.theta = &theta, .statistics = &statistics, .inputs = batch_.inputs()});
  const Tensor f32{device_logits_.data(), logits_type_};
  backend_->cast(program_.value(logits_), f32);
  backend_->download(host_logits_.data(), f32);
  return std::span(host_logits_).first(static_cast<std::size_t>(count) * static_cast<std::size_t>(classes()));
}

Score Evaluator::evaluate(const RunImages& images, const DomainIndices& part, const FlatVector& theta,
                          const FlatVector& statistics, const std::function<void(int images)>& done,
                          const EvalAugmentation& augmentation) {
  ScoreSum sum;
  const auto batches = make_evaluation_batches(images, part, batch_size(), augmentation);
  while (const ImageBatch* const batch = batches->next()) {
    batch_.load(*batch);
    const int count = static_cast<int>(batch->labels.size());
    std::span<const float> rows = run(count, theta, statistics);
    for (const std::int32_t label : batch->labels) {
      sum.add(rows.first(static_cast<std::size_t>(classes())), label);
      rows = rows.subspan(static_cast<std::size_t>(classes()));
    }
    if (done) done(count);
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
