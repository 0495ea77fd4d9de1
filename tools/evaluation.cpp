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
      batch_(backend, program_.graph()) {}

Score Evaluator::evaluate(const ImageCache& cache, const DomainIndices& part, const TransformSpec& transform,
                          const FlatVector& theta, const FlatVector& statistics, int threads,
                          const std::function<void(int images)>& done, const EvalAugmentation& augmentation) {
  const Type type = program_.graph().type(logits_);
  const int classes = static_cast<int>(type.shape[1]);
  std::vector<float> logits(static_cast<std::size_t>(type.elements()));
  const Buffer f32(*backend_, logits.size() * sizeof(float));
  const Tensor converted{f32.data(), {DType::f32, type.shape, Layout::dense}};

  Score score;
  std::int64_t correct = 0;
  EvalReader reader(cache, part, transform, static_cast<int>(batch_.size()), threads, augmentation);
  for (HostBatch batch; reader.next(batch);) {
    batch_.upload(batch);
    program_.run({.theta = &theta, .statistics = &statistics, .inputs = batch_.inputs()});
    backend_->cast(program_.value(logits_), converted);
    backend_->download(logits.data(), converted);
    for (int n = 0; n < batch.size(); ++n) {
      const float* row = &logits[static_cast<std::size_t>(n) * static_cast<std::size_t>(classes)];
      const int label = batch.labels[static_cast<std::size_t>(n)];
      correct += std::max_element(row, row + classes) - row == label;
      score.loss += cross_entropy(row, classes, label);
    }
    score.images += batch.size();
    if (done) done(batch.size());
  }
  require(score.images > 0, "an evaluation of domain ", part.domain, " has no images");
  score.accuracy = static_cast<double>(correct) / static_cast<double>(score.images);
  score.loss /= static_cast<double>(score.images);
  return score;
}

double cross_entropy(const float* logits, int classes, int label) {
  const double largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (int k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
  return largest + std::log(sum) - static_cast<double>(logits[label]);
}

}  // namespace dgsam
