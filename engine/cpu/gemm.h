// C = A·B for operands that are never materialised: both are packed, block by block, into panels that the innermost
// loop reads with unit stride. An im2col convolution is a product whose A gathers its elements from the image while
// it is packed (patches.h).
//
// An operand is read through a matrix M of runs:
//   M::Element                  float, double or bfloat16
//   M::row(i) -> Row            decodes a row once
//   Row::run(j) -> Run          the elements from column j on that lie side by side (data null: they are zeros)
// Rows{M} multiplies along M's columns (index = row), Columns{M} along M's rows (index = column).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "engine/core/operands.h"
#include "engine/cpu/parallel.h"

namespace dgsam {

template <class T>
struct Run {
  const T* data;
  std::int64_t length;
};

/// A row-major matrix.
template <class T>
struct DenseMatrix {
  using Element = T;
  struct Row {
    const T* data;
    std::int64_t columns;
    Run<T> run(std::int64_t j) const { return {data + j, columns - j}; }
  };
  Row row(std::int64_t i) const { return {data + i * columns, columns}; }

  const T* data;
  std::int64_t columns;
};

template <class M>
struct Rows {
  M matrix;
};
template <class M>
struct Columns {
  M matrix;
};
// Before version 17, clang deduces nothing for aggregates.
template <class M>
Rows(M) -> Rows<M>;
template <class M>
Columns(M) -> Columns<M>;

/// Register tile: kRows rows of A by one 64-byte vector of B. 6 accumulators cover the latency of a fused multiply-add
/// with 64-byte registers; with 32-byte registers they are 12 of 16.
template <class S>
struct RegisterTile {
  static constexpr std::int64_t kRows = 6;
  static constexpr std::int64_t kColumns = 64 / sizeof(S);
  typedef S Vector __attribute__((vector_size(64), may_alias));
};

/// What one thread computes at a time: the tile and the panels of kDepth that feed it stay in its caches.
inline constexpr std::int64_t kTileRows = 96, kTileColumns = 128, kTileDepth = 256;

/// Packs indices [first, first + count) and the depth [k0, k0 + depth) into panels: panel p holds, for every k, `width`
/// consecutive indices. Indices beyond `count` are zeros.
template <int width, class S, class M>
void pack(int threads, const Rows<M>& operand, std::int64_t first, std::int64_t count, std::int64_t k0,
          std::int64_t depth, S* out) {
  parallel_for(threads, (count + width - 1) / width, [&](std::int64_t p) {
    S* panel = out + p * width * depth;
    for (std::int64_t i = 0; i < width; ++i) {
      if (p * width + i >= count) {
        for (std::int64_t k = 0; k < depth; ++k) panel[k * width + i] = S{0};
        continue;
      }
      const auto row = operand.matrix.row(first + p * width + i);
      for (std::int64_t k = 0; k < depth;) {
        const auto run = row.run(k0 + k);
        const std::int64_t end = std::min(depth, k + run.length);
        if (run.data) {
          for (std::int64_t j = k; j < end; ++j) panel[j * width + i] = static_cast<S>(run.data[j - k]);
        } else {
          for (std::int64_t j = k; j < end; ++j) panel[j * width + i] = S{0};
        }
        k = end;
      }
    }
  });
}

template <int width, class S, class M>
void pack(int threads, const Columns<M>& operand, std::int64_t first, std::int64_t count, std::int64_t k0,
          std::int64_t depth, S* out) {
  constexpr std::int64_t kRowsAtOnce = 16;
  const std::int64_t padded = (count + width - 1) / width * width;
  parallel_chunks(threads, depth, kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      const auto at = [=](std::int64_t i) { return out + (i / width * depth + k) * width + i % width; };
      const auto row = operand.matrix.row(k0 + k);
      for (std::int64_t i = 0; i < count;) {
        const auto run = row.run(first + i);
        const std::int64_t stop = std::min(count, i + run.length);
        for (std::int64_t j = i; j < stop;) {
          const std::int64_t piece = std::min(stop - j, width - j % width);
          S* to = at(j);
          for (std::int64_t l = 0; l < piece; ++l) to[l] = run.data ? static_cast<S>(run.data[j - i + l]) : S{0};
          j += piece;
        }
        i = stop;
      }
      for (std::int64_t i = count; i < padded; ++i) *at(i) = S{0};
    }
  });
}

/// tile[kRows][kColumns] += the product of one panel of each operand; `stride` separates the tile's rows.
template <class S>
void multiply_panels(const S* a, const S* b, std::int64_t depth, S* tile, std::int64_t stride) {
  using Register = RegisterTile<S>;
  using Vector = typename Register::Vector;
  Vector sum[Register::kRows] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    const Vector column = *reinterpret_cast<const Vector*>(b + k * Register::kColumns);
    for (std::int64_t i = 0; i < Register::kRows; ++i) sum[i] += a[k * Register::kRows + i] * column;
  }
  for (std::int64_t i = 0; i < Register::kRows; ++i) *reinterpret_cast<Vector*>(tile + i * stride) += sum[i];
}

struct GemmExtents {
  std::int64_t rows, columns, depth;
  /// Depth that is packed at once. Where it is less than `depth`, write() is called once per piece and adds up.
  std::int64_t depth_at_once;

  /// Rows packed at once: about a million elements.
  std::int64_t rows_at_once() const {
    const std::int64_t wanted = (std::int64_t{1} << 20) / std::max<std::int64_t>(1, depth_at_once);
    return std::clamp(wanted / kTileRows, std::int64_t{1}, (rows + kTileRows - 1) / kTileRows) * kTileRows;
  }
};

/// depth_at_once of a weight gradient, whose depth is all pixels of a batch: about a million elements of an operand.
inline std::int64_t weight_grad_piece(std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  const std::int64_t wanted = (std::int64_t{1} << 20) / std::max({rows, columns, std::int64_t{1}});
  return std::max<std::int64_t>(1, std::min(depth, std::max(wanted, kTileDepth)));
}

/// write() of a product in pieces: a row-major matrix of S.
template <class S>
struct AddPieces {
  S* to;
  std::int64_t columns;

  void operator()(std::int64_t row, std::int64_t column, std::int64_t count, const S* sums, std::int64_t piece) const {
    S* out = to + row * columns + column;
    for (std::int64_t j = 0; j < count; ++j) out[j] = piece == 0 ? sums[j] : out[j] + sums[j];
  }
};

template <class S>
std::size_t gemm_bytes(const GemmExtents& extents) {
  const std::int64_t columns = extents.columns + RegisterTile<S>::kColumns;
  return static_cast<std::size_t>((extents.rows_at_once() + columns) * extents.depth_at_once) * sizeof(S) + 128;
}

/// write(row, column, count, S* sums, piece) takes the finished sums of `count` elements of a row of C and may change
/// them in place. `memory`: gemm_bytes() on a 64-byte boundary.
template <class S, class A, class B, class Write>
void gemm(int threads, const GemmExtents& extents, const A& a, const B& b, void* memory, const Write& write) {
  using Register = RegisterTile<S>;
  constexpr int kPanelRows = Register::kRows, kPanelColumns = Register::kColumns;
  const std::int64_t depth_at_once = extents.depth_at_once, rows_at_once = extents.rows_at_once();
  S* packed_b = static_cast<S*>(memory);
  const std::int64_t padded_columns = (extents.columns + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
  S* packed_a = packed_b + padded_columns * depth_at_once;

  for (std::int64_t k0 = 0, piece = 0; piece == 0 || k0 < extents.depth; k0 += depth_at_once, ++piece) {
    const std::int64_t depth = std::min(depth_at_once, extents.depth - k0);
    pack<kPanelColumns>(threads, b, 0, extents.columns, k0, depth, packed_b);
    for (std::int64_t row0 = 0; row0 < extents.rows; row0 += rows_at_once) {
      const std::int64_t rows = std::min(rows_at_once, extents.rows - row0);
      pack<kPanelRows>(threads, a, row0, rows, k0, depth, packed_a);
      const std::int64_t tile_columns = (extents.columns + kTileColumns - 1) / kTileColumns;
      const std::int64_t tile_rows = (rows + kTileRows - 1) / kTileRows;
      parallel_for(threads, tile_rows * tile_columns, [&](std::int64_t index) {
        const std::int64_t i0 = index / tile_columns * kTileRows, j0 = index % tile_columns * kTileColumns;
        const std::int64_t i1 = std::min(rows, i0 + kTileRows), j1 = std::min(extents.columns, j0 + kTileColumns);
        alignas(64) S tile[kTileRows * kTileColumns] = {};
        for (std::int64_t k = 0; k < depth; k += kTileDepth) {
          const std::int64_t part = std::min(kTileDepth, depth - k);
          for (std::int64_t j = j0; j < j1; j += kPanelColumns) {
            for (std::int64_t i = i0; i < i1; i += kPanelRows) {
              multiply_panels(packed_a + i * depth + k * kPanelRows, packed_b + j * depth + k * kPanelColumns, part,
                              tile + (i - i0) * kTileColumns + j - j0, kTileColumns);
            }
          }
        }
        for (std::int64_t i = i0; i < i1; ++i) write(row0 + i, j0, j1 - j0, tile + (i - i0) * kTileColumns, piece);
      });
    }
  }
}

}  // namespace dgsam
