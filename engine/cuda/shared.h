// Shared memory of a block, and sums over its threads. For kernels only.
#pragma once

#include <cuda_runtime.h>

namespace dgsam {

inline constexpr int kWarp = 32;
inline constexpr unsigned kWholeWarp = ~0u;

/// The shared memory that the launch asked for, undefined at first.
template <class T>
__device__ T* shared_memory() {
  extern __shared__ double shared_bytes[];
  return reinterpret_cast<T*>(shared_bytes);
}

/// The sum over the lanes of a warp, the same in every lane, in a fixed order. All lanes must call it together.
template <class T>
__device__ T warp_sum(T value) {
  for (int bits = kWarp / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(kWholeWarp, value, bits);
  return value;
}

template <class T>
__device__ T warp_max(T value) {
  for (int bits = kWarp / 2; bits > 0; bits /= 2) {
    const T other = __shfl_xor_sync(kWholeWarp, value, bits);
    value = other > value || other != other ? other : value;
  }
  return value;
}

/// The sum over the threads of a block of whole warps, in thread 0; in a fixed order. Takes shared memory for one T per
/// warp, which nobody may be using.
template <class T>
__device__ T block_sum(T value) {
  T* const of_warp = shared_memory<T>();
  value = warp_sum(value);
  const unsigned warps = blockDim.x / kWarp;
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  if (threadIdx.x >= kWarp) return value;
  return warp_sum(threadIdx.x < warps ? of_warp[threadIdx.x] : T{0});
}

}  // namespace dgsam
