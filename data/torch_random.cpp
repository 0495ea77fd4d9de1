#include "data/torch_random.h"

#include <numeric>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {

std::vector<int> TorchRandom::permutation(int count) {
  constexpr int kLargest = static_cast<int>(0xFFFFFFFFu / 20);
  require(count >= 0 && count < kLargest, "permutation of ", count, " elements; at most ", kLargest - 1, " are drawn");
  std::vector<int> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = 0; i + 1 < order.size(); ++i) std::swap(order[i], order[i + engine_() % (order.size() - i)]);
  return order;
}

float TorchRandom::uniform() { return static_cast<float>(engine_() & 0xFFFFFFu) * 0x1p-24f; }

}  // namespace dgsam
