#include "tools/profile/smoke.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <sstream>
#include <vector>

#include "engine/check/compare_backend.h"

namespace dgsam {
namespace {

/// Tensors of small integers and, every third, an exact zero; of either sign.
class Operands {
 public:
  explicit Operands(Backend& backend) : backend_(backend) {}

  Tensor make(const Type& type) { return {buffers_.emplace_back(backend_, type.bytes()).data(), type}; }
  Tensor filled(const Type& type) {
    const Tensor f32 = make({DType::f32, type.shape}), tensor = make(type);
    std::vector<float> values(static_cast<std::size_t>(type.elements()));
    for (float& value : values) {
      state_ = state_ * 1664525u + 1013904223u;
      const int number = static_cast<int>(state_ >> 28) - 8;
      value = number % 3 == 0 ? (number < 0 ? -0.0f : 0.0f) : static_cast<float>(number) * 0.25f;
    }
    backend_.upload(f32, values.data());
    type.dtype == DType::f32 ? backend_.copy(f32, tensor) : backend_.cast(f32, tensor);
    return tensor;
  }
  std::vector<std::byte> read(ConstTensor tensor) {
    std::vector<std::byte> bytes(tensor.bytes());
    backend_.download(bytes.data(), tensor);
    return bytes;
  }

 private:
  Backend& backend_;
  std::vector<Buffer> buffers_;
  std::uint32_t state_ = 1;
};

constexpr std::int64_t kChannels = 64, kPixels = 12;

/// One call of each family that a training step has.
void call_families(Backend& backend, DType dtype) {
  Operands make(backend);
  const Type image{dtype, {2, kPixels, kPixels, kChannels}}, vector{DType::f32, {kChannels}};
  const Tensor x = make.filled(image), y = make.make(image), b = make.filled(vector), c = make.make(vector);
  backend.add(x, x, y);
  backend.relu(x, y);
  backend.bias_relu_grad(x, y, y, make.make(image), c);
  const Type half{dtype, {2, kPixels / 2, kPixels / 2, kChannels}};
  const Tensor winner = make.make({DType::u8, half.shape}), pooled = make.make(half);
  const PoolSpec pool{.kernel = 3, .stride = 2, .padding = 1};
  backend.max_pool(x, pooled, winner, pool);
  backend.max_pool_grad(pooled, winner, y, pool);
  const Tensor features = make.make({dtype, {2, kChannels}});
  backend.global_avg_pool(x, features);
  backend.global_avg_pool_grad(features, y);
  const Type square{dtype, {kChannels, kChannels}};
  const Tensor w = make.filled(square), out = make.make({dtype, {2, kChannels}});
  backend.linear(features, w, b, out);
  backend.linear_data_grad(out, w, features);
  backend.linear_weight_grad(features, out, make.make({DType::f32, square.shape}));
  // One convolution each way, as a matrix product and not.
  for (const int kernel : {1, 3}) {
    const Conv2dSpec spec{.stride = 1, .padding = kernel / 2, .relu = false};
    const Type weights{dtype, {kChannels, kernel, kernel, kChannels}};
    const Tensor filter = make.filled(weights);
    backend.conv2d(x, filter, b, x, y, {spec.stride, spec.padding, true});
    backend.conv2d_data_grad(x, filter, y, spec);
    backend.conv2d_weight_grad(x, x, make.make({DType::f32, weights.shape}), spec);
  }
  const Tensor filter = make.filled({dtype, {kChannels, 1, 1, kChannels}});
  if (const int bits = backend.relu_mask_bits(dtype)) {
    const std::int64_t row = (kChannels + bits - 1) / bits * bits / 8;
    const Tensor mask = make.make({DType::u8, {2 * kPixels * kPixels, row}});
    backend.conv2d_relu_mask(x, filter, b, {}, y, {mask}, {1, 0, true});
    backend.conv2d_data_grad_relu(x, filter, x, y, {mask}, make.make(image), c, {1, 0, false});
  }
}

/// A few operations that hang together; returns what they leave.
std::vector<std::byte> take_step(Backend& backend, bool recorded) {
  Operands make(backend);
  const Type image{DType::f32, {2, kPixels, kPixels, kChannels}};
  const Tensor x = make.filled(image), w = make.filled({DType::f32, {kChannels, 3, 3, kChannels}}),
               y = make.make(image);
  const Tensor dw = make.make({DType::f32, {kChannels, 3, 3, kChannels}});
  const Conv2dSpec spec{.stride = 1, .padding = 1, .relu = false};
  const auto work = [&] {
    backend.conv2d(x, w, {}, {}, y, spec);
    backend.begin_side();
    backend.conv2d_weight_grad(x, y, dw, spec);
    backend.end_side();
    backend.relu(y, y);
    backend.join_side();
    backend.add(w, dw, dw);
  };
  work();
  if (recorded) {
    const auto recording = backend.record(work);
    if (recording) recording->replay();
  } else {
    work();
  }
  return make.read(dw);
}

}  // namespace

SmokeResult smoke_test(Backend& device, Backend& reference, std::size_t copied) {
  SmokeResult result{true, {}};
  std::ostringstream text;
  text << "device       " << device.name() << "\n";
  const auto attempt = [&](const char* what, const std::function<bool()>& work) {
    bool passed = false;
    try {
      passed = work();
    } catch (const Error& error) {
      text << error.what() << "\n";
    }
    text << (passed ? "passed       " : "FAILED       ") << what << "\n";
    result.passed = result.passed && passed;
  };
  attempt("memory", [&] {
    text << "free memory  " << (device.free_bytes() >> 20) << " MiB\n";
    return device.free_bytes() > 0;
  });
  attempt("copies", [&] {
    const Type type{DType::f32, {static_cast<std::int64_t>(copied / sizeof(float))}};
    Buffer from(device, type.bytes()), to(device, type.bytes());
    double best = 1e9;
    for (int round = 0; round < 4; ++round) {
      device.synchronize();
      const auto start = std::chrono::steady_clock::now();
      device.copy({from.data(), type}, {to.data(), type});
      device.synchronize();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    text << "copy         " << 2e-9 * static_cast<double>(copied) / best << " GB/s read and written\n";
    return true;
  });
  for (const DType dtype : {DType::f32, DType::bf16}) {
    attempt(dtype == DType::f32 ? "operations in f32" : "operations in bf16", [&] {
      CompareBackend compare(device, reference);
      call_families(compare, dtype);
      text << compare.report();
      return compare.passed();
    });
    text << "masks        of " << name_of(dtype) << ": " << device.relu_mask_bits(dtype)
         << " bits a row; 0: not used\n";
  }
  attempt("a recorded step ends with the bits of one that is not recorded",
          [&] { return take_step(device, true) == take_step(device, false); });
  result.text = text.str();
  return result;
}

}  // namespace dgsam
