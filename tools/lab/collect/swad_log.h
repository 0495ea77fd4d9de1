// Logs of SWAD's train_all.py and of its forks: log.txt, or what was printed, of one or of several runs.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/lab/collect/collect.h"

namespace dgsam {

/// What stands behind the algorithm's name of runs with averaged weights.
inline constexpr const char* kSwadSuffix = " + SWAD";

/// Whether a file is such a log, judged by its first lines.
bool is_swad_log(const std::filesystem::path& file);

/// Every table of a log, one per unseen domain: its checkpoints, to the six decimals that the log has, and the averaged
/// weights where "Evaluate SWAD" stands. What cannot be used is among the problems.
Collection read_swad_log(const std::filesystem::path& file);

/// The hyperparameters of such a run as text, without what says where it ran and whether it averages.
std::string swad_hparams(nlohmann::json hparams);

}  // namespace dgsam
