// DomainBed's split of a domain into a training and a validation part, to the bit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_folder.h"

namespace dgsam {

/// MD5 (RFC 1321) as 32 lower-case hexadecimal digits.
std::string md5_hex(std::string_view bytes);

/// DomainBed's seed_hash: the MD5 of a Python tuple's text, as an integer modulo 2^31.
/// `tuple_text` is what Python's str() prints, e.g. "('VLCS', 'ERM', [1, 2], 1, 0)".
std::uint32_t seed_hash(std::string_view tuple_text);

/// seed_hash of the tuple of two integers.
std::uint32_t seed_hash(int trial_seed, int env_index);

/// numpy.random.RandomState(seed).shuffle(list(range(count))). `count` must be below 2^31.
std::vector<int> numpy_shuffled_range(std::uint32_t seed, std::int64_t count);

/// Indices into Domain::samples, in split order.
struct Split {
  std::vector<int> in;   // 1 - holdout of the domain: training, or the reported accuracy of a test domain
  std::vector<int> out;  // holdout: training-domain validation
};

/// DomainBed's split_dataset: of 0..n-1 shuffled with seed_hash(trial_seed, env), the first floor(n * holdout) are out.
/// Every environment is split, the test environment too. Throws Error unless 0 <= holdout < 1 and n > 0.
Split split_indices(std::int64_t n, double holdout, int trial_seed, int env);

/// The split that the domain says itself, both parts in its order; else split_indices().
Split split_domain(const Domain& domain, double holdout, int trial_seed, int env);

}  // namespace dgsam
