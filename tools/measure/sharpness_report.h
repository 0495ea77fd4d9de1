// What dgsam-run sharpness found out about a checkpoint, as JSON and as tables.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "optim/analysis/hessian.h"
#include "optim/analysis/worst_case.h"

namespace dgsam {

struct LossSharpness {
  std::string name;         ///< of the domain, or "total"
  std::string role;         ///< "source", "unseen" or "total"
  std::int64_t images = 0;  ///< that the loss is the mean over
  WorstCase worst_case;
  std::vector<Eigenvalue> eigenvalues;  ///< largest first; empty when none was asked for
  std::optional<Trace> trace;
};

struct SharpnessReport {
  nlohmann::ordered_json about;  ///< the checkpoint and the settings: sharpness_about()
  std::vector<LossSharpness> losses;

  /// As docs/analysis.md has it.
  nlohmann::ordered_json json() const;
};

/// The report that `path` holds when that is one with this `about`, wherever the checkpoint lay then; nothing for any
/// other file, a damaged one and none.
std::optional<SharpnessReport> read_sharpness(const std::string& path, const nlohmann::ordered_json& about);

/// Tables of one checkpoint, and remarks on figures that are less exact than they look.
std::string sharpness_text(const SharpnessReport& report);

/// Means over the checkpoints of each algorithm with their standard errors, per role: the sources' mean, the unseen
/// domain, the total. All reports have the same settings.
std::string sharpness_summary(const std::vector<SharpnessReport>& reports);

}  // namespace dgsam
