// Batches of a run's images for training and evaluation. Where the images are kept decides which of two sources they
// come from, the host's loaders or the device's store; what they are does not depend on it, not by a bit.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/device_batch.h"
#include "tools/batches/run_images.h"

namespace dgsam {

/// The training stream of BatchLoader: at every step one batch per part.
class TrainingBatches {
 public:
  virtual ~TrainingBatches() = default;
  /// The next step's batches, in the order of the parts. Good until the next call.
  virtual std::span<const ImageBatch> next() = 0;
};

/// One pass over a part of a domain in order, as EvalReader reads it.
class EvaluationBatches {
 public:
  virtual ~EvaluationBatches() = default;
  /// The next images, good until the next call; null after the last ones.
  virtual const ImageBatch* next() = 0;
};

/// `images` must outlive the result and be filled. `options.threads` and `steps_ahead` are for images on the host.
std::unique_ptr<TrainingBatches> make_training_batches(const RunImages& images, std::vector<DomainIndices> parts,
                                                       const LoaderOptions& options);
std::unique_ptr<EvaluationBatches> make_evaluation_batches(const RunImages& images, DomainIndices part, int batch_size,
                                                           const EvalAugmentation& augmentation = {});

/// Of a batch in host memory, which must stay as it is.
ImageBatch image_batch(const HostBatch& batch);

}  // namespace dgsam
