#include "data/splits.h"

#include <md5.h>

#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
std::string md5_hex(std::string_view bytes) {
  std::array<char, MD5_DIGEST_STRING_LENGTH> hex;
  MD5Data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), hex.data());
  return hex.data();
}

std::uint32_t seed_hash(std::string_view tuple_text) {
  return static_cast<std::uint32_t>(std::stoul(md5_hex(tuple_text).substr(24), nullptr, 16) & 0x7fffffff);
}

std::uint32_t seed_hash(int trial_seed, int env_index) {
  return seed_hash("(" + std::to_string(trial_seed) + ", " + std::to_string(env_index) + ")");
}

std::vector<int> numpy_shuffled_range(std::uint32_t seed, std::int64_t count) {
  require(count >= 0 && count <= std::numeric_limits<int>::max(), "cannot shuffle ", count, " items");
  std::vector<int> items(static_cast<std::size_t>(count));
  std::iota(items.begin(), items.end(), 0);
  std::mt19937 generator(seed);
  for (std::uint32_t last = static_cast<std::uint32_t>(items.size()); last-- > 1;) {
    const std::uint32_t mask = std::bit_ceil(last + 1) - 1;
    auto draw = static_cast<std::uint32_t>(generator()) & mask;
    while (draw > last) draw = static_cast<std::uint32_t>(generator()) & mask;
    std::swap(items[last], items[draw]);
  }
  return items;
}

Split split_indices(std::int64_t n, double holdout, int trial_seed, int env) {
  require(n > 0, "cannot split a domain of ", n, " images");
  require(holdout >= 0 && holdout < 1, "the holdout fraction is ", holdout, "; it must be at least 0 and below 1");
  const std::vector<int> shuffled = numpy_shuffled_range(seed_hash(trial_seed, env), n);
  const auto border = shuffled.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(n) * holdout);
  return {.in = {border, shuffled.end()}, .out = {shuffled.begin(), border}};
}

Split split_domain(const Domain& domain, double holdout, int trial_seed, int env) {
  if (domain.held_out.empty()) return split_indices(std::ssize(domain.samples), holdout, trial_seed, env);
  Split split;
  for (std::size_t i = 0; i < domain.held_out.size(); ++i) {
    (domain.held_out[i] ? split.out : split.in).push_back(static_cast<int>(i));
  }
  return split;
}

}  // namespace dgsam
