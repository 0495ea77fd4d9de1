// In which order a step meets the domains.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace dgsam {

/// A permutation of 0..S-1, a pure function of the step.
using DomainOrder = std::function<std::vector<int>(std::int64_t step)>;
/// A uniformly random permutation, drawn from (seed, step).
DomainOrder random_order(int domains, std::uint64_t seed);
/// 0, 1, ..., S-1 in every step.
DomainOrder fixed_order(int domains);

}  // namespace dgsam
