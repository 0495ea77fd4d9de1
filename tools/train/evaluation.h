// Accuracy and loss of a network on a part of a domain.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/graph/program.h"
#include "models/device_batch.h"
#include "models/network.h"
#include "tools/batches/batches.h"

namespace dgsam {

struct Score {
  std::int64_t images = 0;
  double accuracy = 0;  ///< fraction whose predicted class is the label
  double loss = 0;      ///< mean cross-entropy, computed on the host in double from the logits
};

/// Adds up to a Score.
class ScoreSum {
 public:
  void add(std::span<const float> logits, int label);
  std::int64_t images() const { return images_; }
  /// All zero without images.
  Score score() const;

 private:
  std::int64_t images_ = 0, correct_ = 0;
  double loss_ = 0;
};

/// Evaluates with running statistics and without dropout, whatever the training does.
class Evaluator {
 public:
  /// `options.training`, `dropout` and `batch_norm` are overruled. The backend must outlive the evaluator.
  Evaluator(Backend& backend, const ModelSpec& model, NetworkOptions options, std::shared_ptr<Arena> arena);

  /// The logits of a batch of at most batch_size() images, one row of classes() per image, in host memory. Valid until
  /// the next call.
  std::span<const float> logits(const HostBatch& batch, const FlatVector& theta, const FlatVector& statistics);

  /// By the evaluation transform, or augmented as `augmentation` says. `done` is told the size of each finished batch.
  Score evaluate(const RunImages& images, const DomainIndices& part, const FlatVector& theta,
                 const FlatVector& statistics, const std::function<void(int images)>& done = {},
                 const EvalAugmentation& augmentation = {});

  /// Its layouts are those of theta and statistics.
  const Graph& graph() const { return program_.graph(); }
  int batch_size() const { return static_cast<int>(batch_.part_size()); }
  int classes() const { return static_cast<int>(logits_type_.shape[1]); }

 private:
  /// The logits of the first `count` images of batch_.
  std::span<const float> run(int count, const FlatVector& theta, const FlatVector& statistics);

  Backend* backend_;
  Value logits_;
  Program program_;
  DeviceBatch batch_;
  Type logits_type_;  ///< in f32
  Buffer device_logits_;
  std::vector<float> host_logits_;

  Evaluator(Backend& backend, Network network, std::shared_ptr<Arena> arena);
};

/// The class with the largest logit, the first one on ties.
int predicted_class(std::span<const float> logits);
/// Cross-entropy of one row of logits, in double.
double cross_entropy(std::span<const float> logits, int label);

inline constexpr int kNoTestEnv = -1;
/// The domain that --test-env names by name or index; kNoTestEnv for "none". Throws Error that lists the domains.
int find_test_env(const ImageFolder& folder, const std::string& test_env);

}  // namespace dgsam
