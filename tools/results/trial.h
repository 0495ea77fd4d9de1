// Which repetition of a method a run is, and a figure that a run does not have.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace dgsam {

/// A figure that was not measured.
inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Which repetition a run is. DomainBed's runs: its trial_seed. Ours: the same, and where the runs of a method differ
/// in
/// --seed on the same splits, every seed is a trial of its own; else `seed` is 0.
struct Trial {
  std::int64_t trial_seed = 0, seed = 0;
  auto operator<=>(const Trial&) const = default;
};

}  // namespace dgsam
