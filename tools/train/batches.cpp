#include "tools/train/batches.h"

#include <algorithm>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {

TrainingBatches::TrainingBatches(const RunImages& images, std::vector<DomainIndices> parts,
                                 const LoaderOptions& options)
    : images_(&images),
      parts_(std::move(parts)),
      options_(options),
      step_(options.start_step),
      batches_(parts_.size()),
      recipes_(parts_.size()) {
  if (!images.device()) loader_ = std::make_unique<BatchLoader>(images.cache(), parts_, images.transform(), options);
}

void TrainingBatches::stage(ProgramGradient& gradient) {
  draw();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const int domain = static_cast<int>(i);
    const std::int32_t* const labels = batches_[i].labels.data();
    if (loader_) {
      gradient.stage(domain, batches_[i].images.data(), labels);
    } else {
      gradient.stage(
          domain, [this, i](const Tensor& out) { images_->device()->make(recipes_[i], out); }, labels);
    }
  }
}

void TrainingBatches::next(DeviceBatch& batch) {
  draw();
  HostBatch all;
  std::vector<ImageRecipe> recipes;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    all.labels.insert(all.labels.end(), batches_[i].labels.begin(), batches_[i].labels.end());
    all.images.insert(all.images.end(), batches_[i].images.begin(), batches_[i].images.end());
    recipes.insert(recipes.end(), recipes_[i].begin(), recipes_[i].end());
  }
  if (loader_) return batch.upload(all);
  images_->device()->make(recipes, batch.images(std::ssize(recipes)));
  batch.upload_labels(all.labels);
}

void TrainingBatches::draw() {
  if (loader_) {
    loader_->next(batches_);
    return;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    std::vector<std::int32_t>& labels = batches_[i].labels;
    labels.clear();
    recipes_[i].clear();
    for (int n = 0; n < options_.batch_size; ++n) {
      const BatchElement element = training_element(parts_[i], images_->transform().augment, options_, step_, n);
      recipes_[i].push_back(images_->device()->recipe(element));
      labels.push_back(images_->cache().label(element.domain, element.index));
    }
  }
  ++step_;
}

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
  images.resize(static_cast<std::size_t>(images_type_.elements()));
  const Tensor device{images_.data(), images_type_};
  if (staging_.data()) {
    const Tensor staging{staging_.data(), {DType::f32, images_type_.shape, Layout::dense}};
    backend_->upload(staging, images.data());
    backend_->cast(staging, device);
  } else {
    backend_->upload(device, images.data());
  }
  upload_labels(batch.labels);
}

Tensor DeviceBatch::images(std::int64_t count) const {
  require(count <= size(), "a batch of ", count, " images for a network of ", size());
  Tensor images{images_.data(), images_type_};
  images.type.shape = {count, images_type_.shape[1], images_type_.shape[2], images_type_.shape[3]};
  return images;
}

void DeviceBatch::upload_labels(std::vector<std::int32_t> labels) {
  labels.resize(static_cast<std::size_t>(size()));
  backend_->upload({labels_.data(), {DType::i32, {size()}, Layout::dense}}, labels.data());
}

EvaluationBatches::EvaluationBatches(const RunImages& images, DomainIndices part, int batch_size,
                                     const EvalAugmentation& augmentation)
    : images_(&images), part_(std::move(part)), batch_size_(batch_size), augmentation_(augmentation) {
  if (!images.device()) {
    reader_ = std::make_unique<EvalReader>(images.cache(), part_, images.transform(), batch_size, images.threads(),
                                           augmentation);
  }
}

bool EvaluationBatches::next(DeviceBatch& batch) {
  if (reader_) {
    if (!reader_->next(host_)) return false;
    batch.upload(host_);
    return true;
  }
  const std::int64_t end = std::min(done_ + batch_size_, std::ssize(part_.indices));
  if (done_ == end) return false;
  host_.labels.clear();
  recipes_.clear();
  for (; done_ < end; ++done_) {
    const BatchElement element = evaluation_element(part_, augmentation_, done_);
    recipes_.push_back(images_->device()->recipe(element));
    host_.labels.push_back(images_->cache().label(element.domain, element.index));
  }
  images_->device()->make(recipes_, batch.images(std::ssize(recipes_)));
  batch.upload_labels(host_.labels);
  return true;
}

}  // namespace dgsam
