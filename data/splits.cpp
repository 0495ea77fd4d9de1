#include "data/splits.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

using Md5State = std::array<std::uint32_t, 4>;

/// RFC 1321, section 3.4: T[i] = floor(2^32 |sin(i + 1)|).
const std::array<std::uint32_t, 64>& md5_constants() {
  static const auto table = [] {
    std::array<std::uint32_t, 64> values{};
    for (int i = 0; i < 64; ++i)
      values[i] = static_cast<std::uint32_t>(std::floor(0x1p32 * std::fabs(std::sin(i + 1))));
    return values;
  }();
  return table;
}

void md5_block(Md5State& state, const std::uint8_t* block) {
  static constexpr int kShift[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  auto [a, b, c, d] = state;
  for (int i = 0; i < 64; ++i) {
    const int round = i / 16;
    const std::uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                                : round == 1 ? (b & d) | (c & ~d)
                                : round == 2 ? b ^ c ^ d
                                             : c ^ (b | ~d);
    const int word = (round == 0 ? i : round == 1 ? 5 * i + 1 : round == 2 ? 3 * i + 5 : 7 * i) % 16;
    const std::uint8_t* at = block + 4 * word;
    const std::uint32_t input = at[0] | at[1] << 8 | at[2] << 16 | static_cast<std::uint32_t>(at[3]) << 24;
    const std::uint32_t rotated = b + std::rotl(a + mixed + input + md5_constants()[i], kShift[round][i % 4]);
    a = std::exchange(d, std::exchange(c, std::exchange(b, rotated)));
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

}  // namespace

std::string md5_hex(std::string_view bytes) {
  std::vector<std::uint8_t> message(bytes.begin(), bytes.end());
  message.push_back(0x80);
  while (message.size() % 64 != 56) message.push_back(0);
  for (int i = 0; i < 8; ++i) message.push_back(static_cast<std::uint8_t>(std::uint64_t{8} * bytes.size() >> 8 * i));

  Md5State state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (std::size_t at = 0; at < message.size(); at += 64) md5_block(state, &message[at]);

  std::string hex;
  for (const std::uint32_t word : state) {
    for (int nibble : {4, 0, 12, 8, 20, 16, 28, 24}) hex += "0123456789abcdef"[word >> nibble & 15];
  }
  return hex;
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

}  // namespace dgsam
