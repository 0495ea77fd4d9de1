// Batches of a run's images for training and evaluation, wherever the images are kept.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/graph/graph.h"
#include "optim/program_gradient.h"
#include "tools/train/run_images.h"

namespace dgsam {

/// A batch on the device, as networks take it: images of the activation type, labels, counters (zero).
class DeviceBatch {
 public:
  /// `graph` is a Network's.
  DeviceBatch(Backend& backend, const Graph& graph);
  /// Uploads a batch of at most the network's size; a short one is filled up with zeros and label 0.
  void upload(const HostBatch& batch);
  /// The first `count` images, for someone who writes them on the device.
  Tensor images(std::int64_t count) const;
  /// At most size(); filled up with label 0.
  void upload_labels(std::vector<std::int32_t> labels);
  std::span<void* const> inputs() const { return inputs_; }
  std::int64_t size() const { return images_type_.shape[0]; }

 private:
  Backend* backend_;
  Type images_type_;
  Buffer images_, staging_, labels_, counters_;
  std::vector<void*> inputs_;
};

/// The training stream of BatchLoader, given to a ProgramGradient.
class TrainingBatches {
 public:
  /// `images` must outlive this and be filled. `options.threads` and `steps_ahead` are for images on the host.
  TrainingBatches(const RunImages& images, std::vector<DomainIndices> parts, const LoaderOptions& options);

  /// Stages the next step's batch of every part; good until the next call.
  void stage(ProgramGradient& gradient);
  /// Brings the next step's batches of all parts, one after the other, into `batch`, which has their size.
  void next(DeviceBatch& batch);

 private:
  /// Goes on to the next step: batches_, and recipes_ where images are made on the device.
  void draw();

  const RunImages* images_;
  std::vector<DomainIndices> parts_;
  LoaderOptions options_;
  std::int64_t step_;
  std::unique_ptr<BatchLoader> loader_;  ///< of images on the host
  std::vector<HostBatch> batches_;       ///< of one step; with images on the device, only labels
  std::vector<std::vector<ImageRecipe>> recipes_;
};

/// One pass over a part of a domain in order: EvalReader's, on the device.
class EvaluationBatches {
 public:
  /// `images` must outlive this and be filled.
  EvaluationBatches(const RunImages& images, DomainIndices part, int batch_size,
                    const EvalAugmentation& augmentation = {});

  /// Brings the next images and labels into `batch` and returns true; false after the last ones. Images behind a short
  /// batch are zeros or what they were.
  bool next(DeviceBatch& batch);
  /// Of the batch that next() brought.
  const std::vector<std::int32_t>& labels() const { return host_.labels; }

 private:
  const RunImages* images_;
  DomainIndices part_;
  std::int64_t batch_size_;
  EvalAugmentation augmentation_;
  std::int64_t done_ = 0;
  std::unique_ptr<EvalReader> reader_;  ///< of images on the host
  HostBatch host_;                      ///< with images on the device, only labels
  std::vector<ImageRecipe> recipes_;
};

}  // namespace dgsam
