// Whether cuBLASLt's masks of ReLUs are what our kernels take them for. NVIDIA documents a mask's size and leading
// dimension, neither the order of its bits nor the bit of a value that is exactly 0, nor whether DRELU_BGRAD sums what
// the mask has left. Two small products with exact results tell.
#include <cstdio>
#include <vector>

#include "engine/cuda/library/cuda_backend.h"
#include "engine/cuda/relu.h"

namespace dgsam {
namespace {

constexpr std::int64_t kPixels = 64, kDepth = 8;  // of the images that are multiplied
constexpr std::int64_t kChannels = 192;           // of the result: more than a row of bits has

/// Small integers, which every type holds exactly: about a third of the values before the ReLU is 0, by sums of zeros
/// of either sign as well as of numbers that cancel.
struct Probe {
  std::vector<float> x, w, b, dy, w2;  ///< w2, dy: of the gradient, dx = dy w2
  std::vector<std::uint8_t> mask;      ///< [value > 0], as write_relu_mask() has it
  std::vector<float> dz, db;

  explicit Probe(std::size_t row_bytes)
      : x(kPixels * kDepth),
        w(kChannels * kDepth),
        b(kChannels),
        dy(kPixels * kDepth),
        w2(kDepth * kChannels),
        mask(kPixels * row_bytes),
        dz(kPixels * kChannels),
        db(kChannels) {
    const auto at = [](std::vector<float>& values, std::int64_t row, std::int64_t length, std::int64_t i) -> float& {
      return values[static_cast<std::size_t>(row * length + i)];
    };
    for (std::int64_t p = 0; p < kPixels; ++p) {
      at(x, p, kDepth, 0) = 1;
      at(x, p, kDepth, 1) = static_cast<float>(p % 3 - 1);
      at(dy, p, kDepth, p % kDepth) = 1;
    }
    constexpr float kBiases[] = {-0.0f, 1, -1, 0, 0};
    for (std::int64_t c = 0; c < kChannels; ++c) {
      at(w, c, kDepth, 0) = static_cast<float>(c * c % 7 % 3 - 1);
      at(w, c, kDepth, 1) = static_cast<float>(c % 3 - 1);
      b[static_cast<std::size_t>(c)] = kBiases[c % 5];
      for (std::int64_t k = 0; k < kDepth; ++k) at(w2, k, kChannels, c) = static_cast<float>((k * k + c) % 5 - 2);
    }
    for (std::int64_t p = 0; p < kPixels; ++p) {
      for (std::int64_t c = 0; c < kChannels; ++c) {
        const float value = at(w, c, kDepth, 0) + at(x, p, kDepth, 1) * at(w, c, kDepth, 1) + at(b, 0, kChannels, c);
        if (!(value > 0)) continue;
        mask[static_cast<std::size_t>(p) * row_bytes + static_cast<std::size_t>(c / 8)] |=
            static_cast<std::uint8_t>(1u << (c % 8));
        at(dz, p, kChannels, c) = at(w2, p % kDepth, kChannels, c);
        at(db, 0, kChannels, c) += at(dz, p, kChannels, c);
      }
    }
  }
};

}  // namespace

bool CudaBackend::masks_agree(DType dtype) try {
  const bool tf32 = tf32_ && dtype == DType::f32;
  const ConvProblem forward{.x = {dtype, {kPixels, 1, 1, kDepth}},
                            .w = {dtype, {kChannels, 1, 1, kDepth}},
                            .y = {dtype, {kPixels, 1, 1, kChannels}},
                            .spec = {.relu = true},
                            .bias = true,
                            .mask = true,
                            .tf32 = tf32};
  const ConvProblem backward{.op = ConvOp::data_grad_relu,
                             .x = forward.y,
                             .w = {dtype, {kDepth, 1, 1, kChannels}},
                             .y = forward.x,
                             .bias = true,
                             .mask = true,
                             .tf32 = tf32};
  const ConvAlgorithms writers = cublas_algorithms(cublas_, forward), readers = cublas_algorithms(cublas_, backward);
  const Type mask_type = relu_mask_type(forward.y);
  const auto row_bytes = static_cast<std::size_t>(mask_type.shape[1]);
  const Probe probe(row_bytes);

  std::vector<Buffer> buffers;
  const auto make = [&](const Type& type) { return Tensor{buffers.emplace_back(*this, type.bytes()).data(), type}; };
  const auto filled = [&](const Type& type, const std::vector<float>& values) {
    const Tensor f32 = make({DType::f32, type.shape}), tensor = make(type);
    upload(f32, values.data());
    type.dtype == DType::f32 ? copy(f32, tensor) : cast(f32, tensor);
    return tensor;
  };
  const auto read = [&](Tensor tensor) {
    const Tensor f32 = make({DType::f32, tensor.shape()});
    tensor.dtype() == DType::f32 ? copy(tensor, f32) : cast(tensor, f32);
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    download(values.data(), f32);
    return values;
  };
  const Tensor x = filled(forward.x, probe.x), w = filled(forward.w, probe.w), y = make(forward.y);
  const Tensor b = filled({DType::f32, {kChannels}}, probe.b), mask = make(mask_type);
  for (const auto& way : writers) {
    void* const workspace = scratch(way->workspace_bytes());
    way->run(queue(), {.x = x.data, .w = w.data, .result = y.data, .bias = b.data, .written_mask = mask.data},
             workspace);
    std::vector<std::uint8_t> bytes(mask_type.bytes());
    download(bytes.data(), mask);
    for (std::size_t p = 0; p < kPixels; ++p) {
      const auto row = static_cast<std::ptrdiff_t>(p * row_bytes);
      if (!std::equal(bytes.begin() + row, bytes.begin() + row + kChannels / 8, probe.mask.begin() + row)) return false;
    }
  }
  upload(mask, probe.mask.data());
  const Tensor dy = filled(backward.y, probe.dy), w2 = filled(backward.w, probe.w2), dz = make(backward.x);
  const Tensor db = make({DType::f32, {kChannels}});
  for (const auto& way : readers) {
    void* const workspace = scratch(way->workspace_bytes());
    way->run(queue(), {.w = w2.data, .y = dy.data, .result = dz.data, .mask = mask.data, .bias_grad = db.data},
             workspace);
    if (read(dz) != probe.dz || read(db) != probe.db) return false;
  }
  return true;
} catch (const Error& error) {
  static_cast<void>(cudaGetLastError());
  std::fprintf(stderr, "note: %s; cuBLASLt's masks of ReLUs are not used\n", error.what());
  return false;
}

}  // namespace dgsam
