// An evaluation of a run: the score of every split that it looks at.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "tools/train/run_setup.h"

namespace dgsam {

struct SplitScore {
  DomainSplit split;
  Score score;
};

/// The scores of theta and statistics on setup.data.evaluated_splits(). `step` decides how source images are augmented,
/// with config.val_augment. Calls `check` now and then, shows progress.
std::vector<SplitScore> evaluate_splits(const RunSetup& setup, const FlatVector& theta, const FlatVector& statistics,
                                        std::int64_t step, const std::function<void()>& check);

/// Nothing for a split that was not evaluated.
std::optional<double> accuracy_of(const std::vector<SplitScore>& scores, const DomainSplit& split);

/// What training-domain validation goes by: means over the sources' held-out splits.
struct Validation {
  double accuracy = 0, loss = 0;
};
/// Nothing when no image is held out.
std::optional<Validation> validation_of(const std::vector<SplitScore>& scores, const RunData& data);

}  // namespace dgsam
