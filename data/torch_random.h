// The random numbers of PyTorch's CPU generator, for data sets whose recipe draws from it.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace dgsam {

/// The stream after torch.manual_seed(seed): the Mersenne Twister, of whose 64-bit seed PyTorch uses the low half.
class TorchRandom {
 public:
  explicit TorchRandom(std::uint64_t seed) : engine_(static_cast<std::uint32_t>(seed)) {}

  /// torch.randperm(count): a forward Fisher-Yates shuffle by remainders. `count` must be below 2^32 / 20, where
  /// PyTorch begins to draw 64 bits at a time.
  std::vector<int> permutation(int count);

  /// One element of torch.rand(n), float32: 24 bits in [0, 1).
  float uniform();

 private:
  std::mt19937 engine_;
};

}  // namespace dgsam
