// A checkpoint as a point of its loss surface: θ, and the losses of the domains there and elsewhere.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/train/checkpoint.h"
#include "tools/train/domain_losses.h"

namespace dgsam {

struct SurfaceOptions {
  DataChoice data = {};
  int images = 256;  ///< of every domain's in-split, at most: the first ones
  NetworkPlace place = {};
};

class CheckpointSurface {
 public:
  /// Opens the checkpoint and its data, and reads the images that are needed. Throws Error as evaluate_checkpoint()
  /// does, and for a domain without images.
  CheckpointSurface(const Checkpoint& checkpoint, const SurfaceOptions& options);

  Backend& backend() { return *backend_; }
  /// The checkpoint's parameters, in f32, or f64 with that precision.
  const FlatVector& theta() const { return theta_; }
  /// The parameters of another checkpoint of the same network. Batch norm keeps this one's statistics. Throws Error
  /// when the file holds another network.
  FlatVector parameters_of(const std::string& path);

  struct NamedLoss {
    std::string name;  ///< of the domain, or "total"
    std::string role;  ///< "source", "unseen" or "total"
    Loss* loss = nullptr;
    std::int64_t images = 0;  ///< that one value or gradient looks at
  };
  /// Every domain in the order of the data set, then the total: the mean over the sources.
  const std::vector<NamedLoss>& losses() const { return named_; }
  DomainLosses& domain_losses() { return *losses_; }
  /// With what options overruled.
  const TrainConfig& config() const { return config_; }

 private:
  TrainConfig config_;
  ImageFolder folder_;
  std::unique_ptr<Backend> backend_;
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<RunImages> images_;
  FlatVector theta_, statistics_;
  std::unique_ptr<DomainLosses> losses_;
  std::unique_ptr<MeanLoss> total_;
  std::vector<NamedLoss> named_;
  bool statistics_loaded_ = false;
};

}  // namespace dgsam
