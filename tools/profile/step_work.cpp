#include "tools/profile/step_work.h"

#include <algorithm>
#include <chrono>

namespace dgsam {
namespace {

constexpr std::int64_t kCopied = std::int64_t{1} << 26;  // elements of f32: 256 MiB
constexpr double kLongEnough = 0.02;                     // seconds of one measurement

/// Multiply-adds are an output, or its gradient, times the weights that it sees: [K,R,S,C] for each of K channels.
double flops_of(const Call& call) {
  struct Positions {
    Operation op;
    std::size_t y, w;  // of the output or its gradient, and of the weights or theirs, among the operands
  };
  constexpr Positions kProducts[] = {{Operation::conv2d, 4, 1},
                                     {Operation::conv2d_relu_mask, 4, 1},
                                     {Operation::conv2d_data_grad, 0, 1},
                                     {Operation::conv2d_data_grad_relu, 0, 1},
                                     {Operation::conv2d_weight_grad, 1, 2},
                                     {Operation::linear, 3, 1},
                                     {Operation::linear_data_grad, 0, 1},
                                     {Operation::linear_weight_grad, 1, 2}};
  for (const Positions& at : kProducts) {
    if (call.op != at.op) continue;
    const ConstTensor &y = call.operands[at.y].tensor, &w = call.operands[at.w].tensor;
    return 2.0 * static_cast<double>(y.elements()) * static_cast<double>(w.elements() / w.shape()[0]);
  }
  return 0;
}

/// Seconds of one call of `work`, the best of three.
template <class Work>
double best_seconds(Backend& backend, const Work& work) {
  const auto seconds_of = [&](int calls) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    backend.synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
  };
  seconds_of(1);
  double best = seconds_of(1);
  const int calls = std::clamp(static_cast<int>(kLongEnough / best), 1, 100);
  for (int i = 0; i < 3; ++i) best = std::min(best, seconds_of(calls));
  return best;
}

/// Numbers in [-1, 1) that look random: zeros would be multiplied faster.
Buffer noise(Backend& backend, const Type& type) {
  std::vector<float> values(static_cast<std::size_t>(type.shape.elements()));
  std::uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
  }
  Buffer f32(backend, values.size() * sizeof(float)), buffer(backend, type.bytes());
  backend.upload({f32.data(), {DType::f32, type.shape}}, values.data());
  backend.cast({f32.data(), {DType::f32, type.shape}}, {buffer.data(), type});
  return buffer;
}

/// Larger and larger products, until one takes long enough to be judged by.
double matrix_rate(Backend& backend, DType dtype) {
  double rate = 0;
  for (std::int64_t channels = 512; channels <= 8192; channels *= 2) {
    const Type image{dtype, {64, 16, 16, channels}}, weights{dtype, {channels, 1, 1, channels}};
    Buffer x = noise(backend, image), w = noise(backend, weights), y(backend, image.bytes());
    const double seconds = best_seconds(backend, [&] {
      backend.conv2d({x.data(), image}, {w.data(), weights}, {}, {}, {y.data(), image}, {});
    });
    const double flops = 2.0 * static_cast<double>(image.shape.elements()) * static_cast<double>(channels);
    rate = std::max(rate, flops / seconds);
    if (seconds > kLongEnough / 4) break;
  }
  return rate;
}

}  // namespace

DeviceRates measure_device_rates(Backend& backend, DType dtype) {
  DeviceRates rates;
  rates.flops_per_second = matrix_rate(backend, dtype);
  const Type type{DType::f32, {kCopied}};
  Buffer from(backend, type.bytes()), to(backend, type.bytes());
  const double seconds = best_seconds(backend, [&] { backend.copy({from.data(), type}, {to.data(), type}); });
  rates.bytes_per_second = 2.0 * static_cast<double>(type.bytes()) / seconds;
  return rates;
}

double roofline_seconds(const std::vector<OperationWork>& work, const DeviceRates& rates) {
  double seconds = 0;
  for (const OperationWork& operation : work) {
    seconds += std::max(operation.flops / rates.flops_per_second, operation.bytes / rates.bytes_per_second);
  }
  return seconds;
}

void BenchBackend::upload_early(Tensor to, const void* host) {
  if (options_.images_stay && !resident_.insert(to.data).second) return;
  InterceptingBackend::upload_early(to, host);
}

void BenchBackend::begin_side() {
  if (options_.side_stream) InterceptingBackend::begin_side();
}
void BenchBackend::end_side() {
  if (options_.side_stream) InterceptingBackend::end_side();
}
void BenchBackend::join_side() {
  if (options_.side_stream) InterceptingBackend::join_side();
}

void BenchBackend::intercept(const Call& call) {
  if (counting_) {
    OperationWork work{flops_of(call), 0};
    for (std::size_t i = 0; i < call.operands.size(); ++i) {
      const Call::Operand& operand = call.operands[i];
      // conv2d_data_grad_relu is given a ReLU's output and its mask, and the mask is enough.
      constexpr std::size_t kReluOutput = 3, kMask = 4;
      if (call.op == Operation::conv2d_data_grad_relu && i == kReluOutput && call.operands[kMask].tensor) continue;
      if (operand.tensor) work.bytes += static_cast<double>(operand.tensor.bytes());
    }
    work_.push_back(work);
  }
  call.run_on(inner());
}

}  // namespace dgsam
