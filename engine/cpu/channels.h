// Per-channel sums and per-channel maps over an image of either layout: the two loops of every normalisation.
//
// Sums run over chunks of about 32k elements: within a chunk in float (double for f64) per channel, over the chunks in
// double and in order. Chunks depend on the shape alone, so the sums do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <array>

#include "engine/cpu/image.h"
#include "engine/cpu/parallel.h"

namespace dgsam {

enum class SumOver { everything, each_image };

/// How `view` is cut into chunks of pixels of one image and group.
struct ChannelChunks {
  explicit ChannelChunks(const ChannelView& whole)
      : view(whole),
        pixels(std::max<std::int64_t>(8, 32768 / std::max<std::int64_t>(1, whole.lanes))),
        per_plane((whole.pixels + pixels - 1) / pixels) {}

  struct Chunk {
    std::int64_t image, first_channel, offset, pixels;
  };
  std::int64_t count() const { return view.images * view.groups * per_plane; }
  Chunk operator[](std::int64_t index) const {
    const std::int64_t plane = index / per_plane, first = index % per_plane * pixels;
    return {plane / view.groups, plane % view.groups * view.lanes, (plane * view.pixels + first) * view.lanes,
            std::min(pixels, view.pixels - first)};
  }

  ChannelView view;
  std::int64_t pixels;     ///< in a chunk
  std::int64_t per_plane;  ///< chunks in one image and group
};

/// Bytes that channel_sums() wants for `sums` sums.
inline std::size_t channel_sums_bytes(const ChannelView& view, int sums) {
  const ChannelChunks chunks(view);
  return static_cast<std::size_t>((chunks.count() * view.lanes + view.images * view.channels()) * sums) *
         sizeof(double);
}

/// The sums of one chunk: sums[k·lanes + lane]. `element` comes by value, so that what it captured stays in registers.
template <int kSums, class S, class Element>
void sum_chunk(const ChannelChunks::Chunk& chunk, std::int64_t lanes, S* sums, Element element) {
  const std::int64_t n = chunk.image, c = chunk.first_channel;
  if (lanes == kBlock) {  // the sums stay in registers
    S sum[kSums][kBlock] = {};
    for (std::int64_t pixel = 0; pixel < chunk.pixels; ++pixel) {
      const std::int64_t at = chunk.offset + pixel * kBlock;
      DGSAM_INDEPENDENT_ITERATIONS
      for (std::int64_t l = 0; l < kBlock; ++l) {
        const std::array<S, kSums> term = element(at + l, n, c + l);
        sum[0][l] += term[0];
        if constexpr (kSums == 2) sum[1][l] += term[1];
      }
    }
    std::copy_n(&sum[0][0], kSums * kBlock, sums);
    return;
  }
  std::fill_n(sums, kSums * lanes, S{0});
  for (std::int64_t pixel = 0; pixel < chunk.pixels; ++pixel) {
    const std::int64_t at = chunk.offset + pixel * lanes;
    DGSAM_INDEPENDENT_ITERATIONS
    for (std::int64_t l = 0; l < lanes; ++l) {
      const std::array<S, kSums> term = element(at + l, n, c + l);
      sums[l] += term[0];
      if constexpr (kSums == 2) sums[lanes + l] += term[1];
    }
  }
}

/// The sums over pixels (and images) of element(offset, image, channel), which returns std::array<S, kSums> and may
/// write other tensors at `offset`. Result: [kSums][C], or [N][kSums][C] for each_image, at the start of `memory` of
/// channel_sums_bytes().
template <int kSums, class S, class Element>
const double* channel_sums(int threads, const ChannelView& view, SumOver over, void* memory, const Element& element) {
  const ChannelChunks chunks(view);
  const std::int64_t lanes = view.lanes, channels = view.channels();
  double* result = static_cast<double*>(memory);
  S* partial = reinterpret_cast<S*>(result + view.images * channels * kSums);
  parallel_for(threads, chunks.count(), [&](std::int64_t index) {
    sum_chunk<kSums>(chunks[index], lanes, partial + index * kSums * lanes, element);
  });

  const std::int64_t results = over == SumOver::each_image ? view.images : 1, images = view.images / results;
  constexpr std::int64_t kStrip = 16;
  const std::int64_t strips = (lanes + kStrip - 1) / kStrip;
  parallel_for(threads, results * kSums * view.groups * strips, [&](std::int64_t index) {
    const std::int64_t lane = index % strips * kStrip, count = std::min(kStrip, lanes - lane);
    const std::int64_t g = index / strips % view.groups, k = index / strips / view.groups % kSums;
    const std::int64_t first = index / strips / view.groups / kSums;
    double sum[kStrip] = {};
    for (std::int64_t n = first * images; n < (first + 1) * images; ++n) {
      for (std::int64_t j = 0; j < chunks.per_plane; ++j) {
        const S* term = partial + (((n * view.groups + g) * chunks.per_plane + j) * kSums + k) * lanes + lane;
        for (std::int64_t l = 0; l < count; ++l) sum[l] += static_cast<double>(term[l]);
      }
    }
    std::copy_n(sum, count, result + (first * kSums + k) * channels + g * lanes + lane);
  });
  return result;
}

/// element(offset, image, channel) for every element; it may write at `offset`.
template <class Element>
void channel_map(int threads, const ChannelView& view, const Element& element) {
  const ChannelChunks chunks(view);
  parallel_for(threads, chunks.count(), [&](std::int64_t index) {
    const ChannelChunks::Chunk chunk = chunks[index];
    for (std::int64_t pixel = 0; pixel < chunk.pixels; ++pixel) {
      const std::int64_t at = chunk.offset + pixel * view.lanes;
      DGSAM_INDEPENDENT_ITERATIONS
      for (std::int64_t l = 0; l < view.lanes; ++l) element(at + l, chunk.image, chunk.first_channel + l);
    }
  });
}

}  // namespace dgsam
