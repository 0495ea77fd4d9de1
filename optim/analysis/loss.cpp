#include "optim/analysis/loss.h"

#include <utility>

#include "engine/core/check.h"

namespace dgsam {

MeanLoss::MeanLoss(Backend& backend, std::vector<Loss*> losses) : backend_(&backend), losses_(std::move(losses)) {
  require(!losses_.empty(), "a mean of no losses");
}

double MeanLoss::loss(const FlatVector& theta) {
  double sum = 0;
  for (Loss* const loss : losses_) sum += loss->loss(theta);
  return sum / static_cast<double>(losses_.size());
}

void MeanLoss::gradient(const FlatVector& theta, FlatVector& g) {
  if (!part_.data()) part_ = FlatVector(*backend_, g.shared_layout(), g.dtype());
  double keep = 0;
  for (Loss* const loss : losses_) {
    loss->gradient(theta, part_);
    backend_->axpby(1 / static_cast<double>(losses_.size()), part_.all(), keep, g.all());
    keep = 1;
  }
}

}  // namespace dgsam
