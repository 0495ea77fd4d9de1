// The losses of a network on domains of a data set, as analysis/ measures them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "optim/analysis/loss.h"
#include "tools/train/evaluation.h"

namespace dgsam {

/// One Loss per part: the mean cross-entropy of its images by the evaluation transform, without dropout, batch norm
/// with its running statistics. They share one network, so one at a time.
class DomainLosses {
 public:
  /// Every part is cut to a multiple of the batch that the smallest one allows (at most options.batch). `images`,
  /// `statistics` and the backend must outlive this object. Throws Error for a part without images.
  DomainLosses(Backend& backend, const ModelSpec& model, NetworkOptions options, const std::shared_ptr<Arena>& arena,
               const RunImages& images, std::vector<DomainIndices> parts, const FlatVector& statistics);
  ~DomainLosses();

  /// The loss of parts[i].
  Loss& operator[](std::size_t i);
  std::size_t size() const { return losses_.size(); }
  /// Of parts[i], after it was cut.
  std::int64_t images(std::size_t i) const;
  /// Of those parts, by index; refers to this object.
  MeanLoss mean_of(const std::vector<std::size_t>& parts);

  /// Its layouts are those of theta and statistics.
  const Graph& graph() const { return program_.graph(); }
  /// Called with the number of images after each pass over a part, with or without gradient.
  void set_progress(std::function<void(std::int64_t images)> done) { done_ = std::move(done); }

 private:
  class DomainLoss;

  Backend* backend_;
  const RunImages* images_;
  const FlatVector* statistics_;
  NetworkOptions options_;
  Program program_;  ///< of one batch's gradient
  Evaluator evaluator_;
  DeviceBatch batch_;
  FlatVector batch_gradient_;
  std::vector<std::unique_ptr<DomainLoss>> losses_;
  std::function<void(std::int64_t)> done_;
};

}  // namespace dgsam
