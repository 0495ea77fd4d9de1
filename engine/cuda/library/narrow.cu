// Bytes per element: 6; a bias has at most some thousand.
#include "engine/cuda/library/narrow.h"
#include "engine/cuda/map.h"

namespace dgsam {
namespace {

struct Narrow {
  const float* from;
  bfloat16* to;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    to[i] = bfloat16(from[i]);
  }
};

}  // namespace

void narrow(const Queue& queue, const float* from, bfloat16* to, std::int64_t count) {
  map<1>(queue, "narrow", count, false, Narrow{from, to});
}

}  // namespace dgsam
