// Sums down the columns of matrices, and maps that need to know their column: the two loops of every normalisation.
//
// x is [sets][rows][columns], dense: an image is one set of N·H·W rows, or N sets of H·W rows when every image has its
// own sums. A block takes a strip of columns of a chunk of rows. Sums have two stages and no atomics: each block writes
// its chunk's sums in the master type (float, double for f64), and a second kernel adds the chunks in double and in
// order. Chunks depend on the shape alone, so the sums do not depend on the device.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "engine/cuda/map.h"
#include "engine/cuda/shared.h"

namespace dgsam {

/// How a block walks over [sets][rows][columns].
struct ColumnWalk {
  std::int64_t sets, rows, columns;
  std::int64_t chunk = 1;  ///< rows
  unsigned block_x = 1, block_y = 1;
  std::int64_t strips = 1;  ///< of columns
  std::int64_t chunks = 1;  ///< of one set

  ColumnWalk(std::int64_t sets_, std::int64_t rows_, std::int64_t columns_, int lanes)
      : sets(sets_), rows(rows_), columns(columns_) {
    constexpr unsigned kThreads = 256;
    constexpr std::int64_t kRowsPerThread = 8, kMostChunks = 1024;
    const std::int64_t vectors = (columns + lanes - 1) / lanes;
    while (block_x < kWarp && block_x < vectors) block_x *= 2;
    block_y = kThreads / block_x;
    const std::int64_t per_chunk = std::max(kRowsPerThread * block_y, (rows + kMostChunks - 1) / kMostChunks);
    chunk = (per_chunk + block_y - 1) / block_y * block_y;
    strips = (vectors + block_x - 1) / block_x;
    chunks = std::max<std::int64_t>(1, (rows + chunk - 1) / chunk);
  }

  dim3 grid() const {
    return {static_cast<unsigned>(strips), static_cast<unsigned>(chunks), static_cast<unsigned>(sets)};
  }
  dim3 block() const { return {block_x, block_y}; }
};

/// Calls visit(offset, set, column) for the vectors of this thread.
template <int kLanes, class Visit>
__device__ void walk_columns(const ColumnWalk& walk, const Visit& visit) {
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kLanes;
  if (column >= walk.columns) return;
  const std::int64_t set = blockIdx.z, first = blockIdx.y * walk.chunk;
  const std::int64_t end = first + walk.chunk < walk.rows ? first + walk.chunk : walk.rows;
  for (std::int64_t row = first + threadIdx.y; row < end; row += blockDim.y) {
    visit((set * walk.rows + row) * walk.columns + column, set, column);
  }
}

/// body.at<kLanes>(offset, set, column) for everything.
template <int kLanes, class Body>
__global__ void __launch_bounds__(256) column_map_kernel(ColumnWalk walk, Body body) {
  walk_columns<kLanes>(walk, [&](std::int64_t offset, std::int64_t set, std::int64_t column) {
    body.template at<kLanes>(offset, set, column);
  });
}

/// body.add(offset, set, column, sums) adds the terms of kLanes elements to S sums[kSums][kLanes], and may write at
/// offset. partial [sets][chunks][kSums][columns].
template <int kLanes, int kSums, class S, class Body>
__global__ void __launch_bounds__(256) column_sums_kernel(ColumnWalk walk, Body body, S* partial) {
  S sums[kSums][kLanes] = {};
  walk_columns<kLanes>(
      walk, [&](std::int64_t offset, std::int64_t set, std::int64_t column) { body.add(offset, set, column, sums); });
  const unsigned threads = blockDim.x * blockDim.y, thread = threadIdx.y * blockDim.x + threadIdx.x;
  S* const memory = shared_memory<S>();  // [kSums][kLanes][block_y][block_x]
  for (int k = 0; k < kSums; ++k) {
    for (int l = 0; l < kLanes; ++l) memory[(k * kLanes + l) * threads + thread] = sums[k][l];
  }
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y >= half) continue;
    for (int i = 0; i < kSums * kLanes; ++i)
      memory[i * threads + thread] += memory[i * threads + thread + half * blockDim.x];
  }
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kLanes;
  if (threadIdx.y > 0 || column >= walk.columns) return;
  const std::int64_t chunk = static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
  for (int k = 0; k < kSums; ++k) {
    for (int l = 0; l < kLanes; ++l) {
      partial[(chunk * kSums + k) * walk.columns + column + l] = memory[(k * kLanes + l) * threads + thread];
    }
  }
}

/// Threads that share the chunks of a column, and how many chunks each of them loads before it adds one: a few hundred
/// chunks and 64 columns are two blocks, which have to hide the memory's latency by themselves.
inline constexpr unsigned kMostFinishRows = 32;
inline constexpr int kFinishLoads = 4;

/// As many rows of threads as have something to do; by shape alone.
inline unsigned finish_rows(std::int64_t chunks) {
  unsigned rows = 1;
  while (rows < kMostFinishRows && rows < chunks) rows *= 2;
  return rows;
}

/// finish(set, column, sums) with double sums[kSums] over the chunks: every thread adds its chunks in order, then one
/// adds the threads' sums in order.
template <int kSums, class S, class Finish>
__global__ void __launch_bounds__(kWarp* kMostFinishRows)
    column_finish_kernel(std::int64_t chunks, std::int64_t columns, const S* partial, Finish finish) {
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + threadIdx.x, set = blockIdx.y;
  const std::int64_t rows = blockDim.y;
  double sums[kSums] = {};
  if (column < columns) {
    const S* const of_set = partial + set * chunks * kSums * columns + column;
    const auto add = [&]<int kLoads>(std::int64_t chunk) {
      S loaded[kLoads][kSums];
      for (int i = 0; i < kLoads; ++i) {
        for (int k = 0; k < kSums; ++k) loaded[i][k] = of_set[((chunk + i * rows) * kSums + k) * columns];
      }
      for (int i = 0; i < kLoads; ++i) {
        for (int k = 0; k < kSums; ++k) sums[k] += static_cast<double>(loaded[i][k]);
      }
    };
    std::int64_t chunk = threadIdx.y;
    for (; chunk + (kFinishLoads - 1) * rows < chunks; chunk += kFinishLoads * rows) {
      add.template operator()<kFinishLoads>(chunk);
    }
    for (; chunk < chunks; chunk += rows) add.template operator()<1>(chunk);
  }
  double* const memory = shared_memory<double>();  // [rows][kSums][kWarp]
  for (int k = 0; k < kSums; ++k) memory[(threadIdx.y * kSums + k) * kWarp + threadIdx.x] = sums[k];
  __syncthreads();
  if (threadIdx.y > 0 || column >= columns) return;
  for (unsigned row = 1; row < blockDim.y; ++row) {
    for (int k = 0; k < kSums; ++k) sums[k] += memory[(row * kSums + k) * kWarp + threadIdx.x];
  }
  finish(set, column, sums);
}

/// Where x is and how its columns are summed: [sets][rows][columns], vectors of kLanes where `vectors` says so.
struct Columns {
  std::int64_t sets, rows, columns;
  bool vectors;  ///< all addresses allow words

  template <int kLanes>
  bool whole_vectors() const {
    return vectors && columns % kLanes == 0;
  }
};

/// Bytes of memory that column_sums() needs.
template <class S>
std::size_t column_sums_bytes(const Columns& x, int sums) {
  const ColumnWalk narrow(x.sets, x.rows, x.columns, 1);  // the one with the most chunks
  return static_cast<std::size_t>(x.sets * narrow.chunks * sums * x.columns) * sizeof(S);
}

template <int kLanes, int kSums, class S, class Body, class Finish>
void column_sums_of(const Queue& queue, const char* name, const Columns& x, S* partial, const Body& body,
                    const Finish& finish) {
  const ColumnWalk walk(x.sets, x.rows, x.columns, kLanes);
  launch({name, queue.stream, walk.grid(), walk.block(), 256 * kLanes * kSums * sizeof(S)},
         column_sums_kernel<kLanes, kSums, S, Body>, walk, body, partial);
  const dim3 grid(static_cast<unsigned>((x.columns + kWarp - 1) / kWarp), static_cast<unsigned>(x.sets));
  const unsigned rows = finish_rows(walk.chunks);
  launch({name, queue.stream, grid, dim3(kWarp, rows), rows * kSums * kWarp * sizeof(double)},
         column_finish_kernel<kSums, S, Finish>, walk.chunks, x.columns, static_cast<const S*>(partial), finish);
}

/// Sums and what becomes of them. `memory` of column_sums_bytes() is free again for the next kernel.
template <int kLanes, int kSums, class S, class Body, class Finish>
void column_sums(const Queue& queue, const char* name, const Columns& x, void* memory, const Body& body,
                 const Finish& finish) {
  auto* const partial = static_cast<S*>(memory);
  if (x.whole_vectors<kLanes>()) return column_sums_of<kLanes, kSums>(queue, name, x, partial, body, finish);
  column_sums_of<1, kSums>(queue, name, x, partial, body, finish);
}

template <int kLanes, class Body>
void column_map(const Queue& queue, const char* name, const Columns& x, const Body& body) {
  if (x.whole_vectors<kLanes>()) {
    const ColumnWalk walk(x.sets, x.rows, x.columns, kLanes);
    return launch({name, queue.stream, walk.grid(), walk.block()}, column_map_kernel<kLanes, Body>, walk, body);
  }
  const ColumnWalk walk(x.sets, x.rows, x.columns, 1);
  launch({name, queue.stream, walk.grid(), walk.block()}, column_map_kernel<1, Body>, walk, body);
}

}  // namespace dgsam
