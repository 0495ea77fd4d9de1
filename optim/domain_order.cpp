#include "optim/domain_order.h"

#include <numeric>
#include <utility>

#include "engine/core/rng.h"

namespace dgsam {
namespace {

std::vector<int> zero_to(int count) {
  std::vector<int> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

DomainOrder random_order(int domains, std::uint64_t seed) {
  return [domains, seed](std::int64_t step) {
    std::vector<int> order = zero_to(domains);
    RandomStream random(seed, "domain-order", static_cast<std::uint64_t>(step));
    for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
    return order;
  };
}

DomainOrder fixed_order(int domains) {
  return [order = zero_to(domains)](std::int64_t) { return order; };
}

}  // namespace dgsam
