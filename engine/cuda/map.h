// Element-wise kernels: a body that handles kLanes elements from index i on, at the grid's pace.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/cuda/device.h"
#include "engine/cuda/launch.h"
#include "engine/cuda/vector.h"

namespace dgsam {

/// What a thread works with: body.begin(), where there is something to work out once per thread, or body itself.
template <class Body>
__device__ Body of_thread(const Body& body) {
  if constexpr (requires { body.begin(); }) {
    return body.begin();
  } else {
    return body;
  }
}

/// body.at<kLanes>(i) for whole vectors, body.at<1>(i) for the elements after them. Elements must not depend on one
/// another; each is read and written by one thread, so outputs may be inputs.
template <int kLanes, class Body>
__global__ void __launch_bounds__(kMapThreads) map_kernel(std::int64_t vectors, std::int64_t count, Body given) {
  const Body body = of_thread(given);
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (std::int64_t i = first; i < vectors; i += stride) body.template at<kLanes>(i * kLanes);
  for (std::int64_t i = vectors * kLanes + first; i < count; i += stride) body.template at<1>(i);
}

/// Runs the kernel over `count` elements. `vectors`: whether every address it touches allows vectors of kLanes.
template <int kLanes, class Body>
void map(const Queue& queue, const char* name, std::int64_t count, bool vectors, const Body& body) {
  if (count == 0) return;
  const std::int64_t whole = vectors ? count / kLanes : 0;
  const std::int64_t steps = std::max(whole, count - whole * kLanes);
  const std::int64_t blocks = std::min<std::int64_t>(queue.blocks, (steps + kMapThreads - 1) / kMapThreads);
  launch({name, queue.stream, static_cast<unsigned>(blocks), kMapThreads}, map_kernel<kLanes, Body>, whole, count,
         body);
}

}  // namespace dgsam
