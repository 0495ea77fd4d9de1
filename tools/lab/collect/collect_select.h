// Which hyperparameters and which checkpoint count: the three methods of DomainBed, with its formulas and its ties.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "tools/lab/collect/collect.h"

namespace dgsam {

enum class SelectionMethod : std::uint8_t {
  /// Single-domain runs. Validation: mean out-split accuracy of the sources; best checkpoint, the first one on ties.
  training_domain,
  /// Validation at a step: mean over the other domains v of the in-split accuracy on v of the run that leaves out the
  /// unseen domain and v; best step, the first one on ties.
  leave_one_out,
  /// Single-domain runs, last checkpoint. Validation: out-split accuracy of the unseen domain.
  oracle,
};

/// As DomainBed's tables call it.
std::string name_of(SelectionMethod selection);

struct Choice {
  double validation = kMissing;  ///< what was maximised
  double test = kMissing;        ///< in-split accuracy of the unseen domain there
  Hparams hparams;
  const ResultRecord* record = nullptr;  ///< of the single-domain run
};

/// The result of a run with averaged weights is its average: there training_domain and oracle take that in place of a
/// checkpoint, and choose among hyperparameters alone.
///
/// The hyperparameters with the highest validation; among equal ones those that sort last, as in DomainBed. Nothing
/// when no run of the group can be judged.
std::optional<Choice> select(const Collection& collection, const ResultGroup& group, SelectionMethod selection);

/// The rows of SWAD's table. Hyperparameters are those that training_domain selects; then of their single-domain runs
/// in the group: the best checkpoint by the unseen domain's out-split (oracle), by the sources' (iid), the last, and
/// the averaged weights (swad), which not every run has.
struct SwadChoice {
  double oracle = kMissing, iid = kMissing, last = kMissing, swad = kMissing;
};
std::optional<SwadChoice> select_swad(const Collection& collection, const ResultGroup& group);

/// numpy.mean: its order of additions, so that a figure on the border of two roundings falls on the same side.
double numpy_mean(std::span<const double> values);
/// DomainBed's error: numpy.std of values / sqrt(n), that is the population standard deviation over sqrt(n).
double domainbed_error(std::span<const double> values);

}  // namespace dgsam
