// Accuracy and loss of a network on a part of a domain.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "data/loader.h"
#include "engine/graph/program.h"
#include "models/network.h"

namespace dgsam {

/// A batch on the device, as networks take it: images of the activation type, labels, counters (zero).
class DeviceBatch {
 public:
  /// `graph` is a Network's.
  DeviceBatch(Backend& backend, const Graph& graph);
  /// Uploads a batch of at most the network's size; a short one is filled up with zeros and label 0.
  void upload(const HostBatch& batch);
  std::span<void* const> inputs() const { return inputs_; }
  std::int64_t size() const { return images_type_.shape[0]; }

 private:
  Backend* backend_;
  Type images_type_;
  Buffer images_, staging_, labels_, counters_;
  std::vector<void*> inputs_;
};

struct Score {
  std::int64_t images = 0;
  double accuracy = 0;  ///< fraction whose largest logit is the label's; the first one on ties
  double loss = 0;      ///< mean cross-entropy, computed on the host in double from the logits
};

/// Evaluates with running statistics and without dropout, whatever the training does.
class Evaluator {
 public:
  /// `options.training`, `dropout` and `batch_norm` are overruled. The backend must outlive the evaluator.
  Evaluator(Backend& backend, const ModelSpec& model, NetworkOptions options, std::shared_ptr<Arena> arena);

  /// `cache` is read by the evaluation transform on `threads` threads, or augmented as `augmentation` says. `done` is
  /// told the size of each finished batch.
  Score evaluate(const ImageCache& cache, const DomainIndices& part, const TransformSpec& transform,
                 const FlatVector& theta, const FlatVector& statistics, int threads,
                 const std::function<void(int images)>& done = {}, const EvalAugmentation& augmentation = {});

 private:
  Backend* backend_;
  Value logits_;
  Program program_;
  DeviceBatch batch_;

  Evaluator(Backend& backend, Network network, std::shared_ptr<Arena> arena);
};

/// Cross-entropy of one row of logits, in double.
double cross_entropy(const float* logits, int classes, int label);

}  // namespace dgsam
