#include "tools/batches/batches.h"

#include <algorithm>
#include <utility>

namespace dgsam {
namespace {

// --- images in host memory, or in files ---------------------------------------------------------------------------

class HostTrainingBatches final : public TrainingBatches {
 public:
  HostTrainingBatches(const RunImages& images, std::vector<DomainIndices> parts, const LoaderOptions& options)
      : loader_(images.cache(), std::move(parts), images.transform(), options) {}

  std::span<const ImageBatch> next() override {
    loader_.next(loaded_);
    batches_.clear();
    for (const HostBatch& batch : loaded_) batches_.push_back(image_batch(batch));
    return batches_;
  }

 private:
  BatchLoader loader_;
  std::vector<HostBatch> loaded_;
  std::vector<ImageBatch> batches_;
};

class HostEvaluationBatches final : public EvaluationBatches {
 public:
  HostEvaluationBatches(const RunImages& images, DomainIndices part, int batch_size,
                        const EvalAugmentation& augmentation)
      : reader_(images.cache(), std::move(part), images.transform(), batch_size, images.threads(), augmentation) {}

  const ImageBatch* next() override {
    if (!reader_.next(read_)) return nullptr;
    batch_ = image_batch(read_);
    return &batch_;
  }

 private:
  EvalReader reader_;
  HostBatch read_;
  ImageBatch batch_;
};

// --- images in device memory --------------------------------------------------------------------------------------

/// A batch that grows element by element: labels, and recipes of images to be made on the device.
class DeviceElements {
 public:
  explicit DeviceElements(const RunImages& images) : images_(&images) {}

  void clear() {
    recipes_.clear();
    labels_.clear();
  }
  void add(const BatchElement& element) {
    recipes_.push_back(images_->device()->recipe(element));
    labels_.push_back(images_->cache().label(element.domain, element.index));
  }
  /// Refers to this object.
  ImageBatch batch() const {
    return {.make = [this](Tensor images) { images_->device()->make(recipes_, images); }, .labels = labels_};
  }

 private:
  const RunImages* images_;
  std::vector<ImageRecipe> recipes_;
  std::vector<std::int32_t> labels_;
};

class DeviceTrainingBatches final : public TrainingBatches {
 public:
  DeviceTrainingBatches(const RunImages& images, std::vector<DomainIndices> parts, const LoaderOptions& options)
      : parts_(std::move(parts)),
        augment_(images.transform().augment),
        options_(options),
        step_(options.start_step),
        elements_(parts_.size(), DeviceElements(images)),
        batches_(parts_.size()) {}

  std::span<const ImageBatch> next() override {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      elements_[i].clear();
      for (int n = 0; n < options_.batch_size; ++n) {
        elements_[i].add(training_element(parts_[i], augment_, options_, step_, n));
      }
      batches_[i] = elements_[i].batch();
    }
    ++step_;
    return batches_;
  }

 private:
  std::vector<DomainIndices> parts_;
  bool augment_;
  LoaderOptions options_;
  std::int64_t step_;
  std::vector<DeviceElements> elements_;
  std::vector<ImageBatch> batches_;
};

class DeviceEvaluationBatches final : public EvaluationBatches {
 public:
  DeviceEvaluationBatches(const RunImages& images, DomainIndices part, int batch_size,
                          const EvalAugmentation& augmentation)
      : part_(std::move(part)), batch_size_(batch_size), augmentation_(augmentation), elements_(images) {}

  const ImageBatch* next() override {
    const std::int64_t end = std::min(done_ + batch_size_, std::ssize(part_.indices));
    if (done_ == end) return nullptr;
    elements_.clear();
    for (; done_ < end; ++done_) elements_.add(evaluation_element(part_, augmentation_, done_));
    batch_ = elements_.batch();
    return &batch_;
  }

 private:
  DomainIndices part_;
  std::int64_t batch_size_;
  EvalAugmentation augmentation_;
  std::int64_t done_ = 0;
  DeviceElements elements_;
  ImageBatch batch_;
};

}  // namespace

std::unique_ptr<TrainingBatches> make_training_batches(const RunImages& images, std::vector<DomainIndices> parts,
                                                       const LoaderOptions& options) {
  if (images.device()) return std::make_unique<DeviceTrainingBatches>(images, std::move(parts), options);
  return std::make_unique<HostTrainingBatches>(images, std::move(parts), options);
}

std::unique_ptr<EvaluationBatches> make_evaluation_batches(const RunImages& images, DomainIndices part, int batch_size,
                                                           const EvalAugmentation& augmentation) {
  if (images.device()) {
    return std::make_unique<DeviceEvaluationBatches>(images, std::move(part), batch_size, augmentation);
  }
  return std::make_unique<HostEvaluationBatches>(images, std::move(part), batch_size, augmentation);
}

ImageBatch image_batch(const HostBatch& batch) { return {.pixels = batch.images.data(), .labels = batch.labels}; }

}  // namespace dgsam
