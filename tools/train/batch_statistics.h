// Batch norm's running statistics of weights that no training has run with, such as an average of weights.
#pragma once

#include <memory>

#include "engine/graph/program.h"
#include "models/network.h"
#include "tools/batches/batches.h"

namespace dgsam {

/// The mean over the next `count` batches of each batch's mean and unbiased variance, all domains together: PyTorch's
/// running statistics with momentum None, and SWAD's update_bn. `options.batch` is the number of images of all
/// `domains` in a step. Dropout, which comes after the last batch norm, is left out. Shows progress.
FlatVector estimate_statistics(Backend& backend, const ModelSpec& model, NetworkOptions options,
                               std::shared_ptr<Arena> arena, TrainingBatches& batches, int domains, int count,
                               const FlatVector& theta);

}  // namespace dgsam
