// mask = [y > 0], a bit per element. Bytes per f32 element: 4 + 1/8.
#include "engine/core/operands.h"
#include "engine/cuda/map.h"
#include "engine/cuda/relu.h"

namespace dgsam {
namespace {

constexpr int kByteBits = 8;

/// Element i is a byte of the mask.
template <class T>
struct ReluMask {
  using S = Master<T>;
  const T* y;
  std::uint8_t* mask;
  std::int64_t channels, row_bytes;
  bool words;  ///< the channels of a byte are whole words of y

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const std::int64_t row = i / row_bytes, c = i % row_bytes * kByteBits;
    const T* const from = y + row * channels + c;
    unsigned bits = 0;
    if (words && c < channels) {
      const Vector<T, kByteBits> values = load<kByteBits>(from);
      for (int bit = 0; bit < kByteBits; ++bit) bits |= bit_of(values.lane[bit]) << bit;
    } else {
      for (int bit = 0; bit < kByteBits && c + bit < channels; ++bit) bits |= bit_of(from[bit]) << bit;
    }
    mask[i] = static_cast<std::uint8_t>(bits);
  }
  static __device__ unsigned bit_of(T value) { return static_cast<S>(value) > S{0} ? 1 : 0; }
};

}  // namespace

Type relu_mask_type(const Type& y) {
  const std::int64_t channels = y.shape.last(), rows = channels > 0 ? y.elements() / channels : 0;
  return {DType::u8, {rows, (channels + kReluMaskBits - 1) / kReluMaskBits * (kReluMaskBits / kByteBits)}};
}

void write_relu_mask(const Queue& queue, ConstTensor y, Tensor mask) {
  const std::int64_t channels = y.shape().last();
  with_type(y.dtype(), "relu mask", [&]<class T>() {
    const ReluMask<T> body{y.as<T>(), mask.as<std::uint8_t>(), channels, mask.shape()[1],
                           channels % kByteBits == 0 && words_at(y.as<T>())};
    map<1>(queue, "relu mask", mask.elements(), false, body);
  });
}

}  // namespace dgsam
