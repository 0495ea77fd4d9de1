#include "engine/cuda/library/try_out.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>
#include <thread>

#include "engine/core/bfloat16.h"

namespace dgsam {
namespace {

/// Waits for what the stream has been given. Returns false if that takes longer than `patience`.
bool wait_for(const Queue& queue, std::chrono::milliseconds patience) {
  struct Owner {
    cudaEvent_t event = nullptr;
    ~Owner() { static_cast<void>(cudaEventDestroy(event)); }
  } end;
  check_cuda(cudaEventCreateWithFlags(&end.event, cudaEventDisableTiming), "cudaEventCreate");
  check_cuda(cudaEventRecord(end.event, queue.stream), "cudaEventRecord");
  const auto limit = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const cudaError_t status = cudaEventQuery(end.event);
    if (status == cudaSuccess) return true;
    if (status != cudaErrorNotReady) check_cuda(status, "waiting for its end");
    static_cast<void>(cudaGetLastError());
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

struct Result {
  const char* name;
  void* data;
  Type type;
};

std::vector<Result> results_of(const ConvProblem& problem, const ConvOperands& operands) {
  const Type type = problem.op == ConvOp::forward       ? problem.y
                    : problem.op == ConvOp::weight_grad ? Type{problem.vector_dtype(), problem.w.shape}
                                                        : problem.x;
  std::vector<Result> results{{"the result", operands.result, type}};
  if (operands.bias_grad)
    results.push_back({"db", operands.bias_grad, {problem.vector_dtype(), {problem.x.shape.last()}}});
  std::erase_if(results, [](const Result& result) { return result.data == nullptr; });
  return results;
}

std::vector<float> widened(const std::vector<std::byte>& bytes, DType dtype) {
  std::vector<float> values(bytes.size() / size_of(dtype));
  if (dtype == DType::f32) {
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    bfloat16 value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    values[i] = static_cast<float>(value);
  }
  return values;
}

}  // namespace

TryOut try_out(ConvAlgorithm& algorithm, const Queue& queue, const ConvOperands& operands, void* workspace,
               std::chrono::milliseconds patience) {
  try {
    algorithm.run(queue, operands, workspace);
    if (wait_for(queue, patience)) return {};
    std::ostringstream text;
    text << "does not end, or not within " << static_cast<double>(patience.count()) / 1e3 << " s";
    return {text.str(), true};
  } catch (const Error& error) {
    static_cast<void>(cudaGetLastError());  // one that passes is forgotten; one that stays is said by the next call too
    return {error.what(), cudaStreamSynchronize(queue.stream) != cudaSuccess};
  }
}

void ResultSamples::spoil(const ConvProblem& problem, const Queue& queue, const ConvOperands& operands) {
  constexpr int kNaN = 0xff;  // in every byte, of either type
  for (const Result& result : results_of(problem, operands)) {
    check_cuda(cudaMemsetAsync(result.data, kNaN, result.type.bytes(), queue.stream), "cudaMemsetAsync");
  }
}

ResultSamples::ResultSamples(const ConvProblem& problem, const Queue& queue, const ConvOperands& operands)
    : tolerance_(problem.x.dtype == DType::bf16 || problem.tf32 ? 0.25 : 0.05) {
  constexpr std::size_t kPieces = 32, kPieceBytes = 256;
  for (const Result& result : results_of(problem, operands)) {
    const std::size_t bytes = result.type.bytes(), pieces = bytes <= kPieces * kPieceBytes ? 1 : kPieces;
    const std::size_t length = pieces == 1 ? bytes : kPieceBytes;
    std::vector<std::byte> seen(pieces * length);
    for (std::size_t i = 0; i < pieces; ++i) {
      const std::size_t offset = pieces == 1 ? 0 : (bytes - length) / (pieces - 1) * i / sizeof(float) * sizeof(float);
      check_cuda(cudaMemcpyAsync(seen.data() + i * length, static_cast<const std::byte*>(result.data) + offset, length,
                                 cudaMemcpyDeviceToHost, queue.stream),
                 "samples of ", result.name);
    }
    check_cuda(cudaStreamSynchronize(queue.stream), "waiting for samples of ", result.name);
    parts_.push_back({result.name, widened(seen, result.type.dtype)});
  }
}

std::string ResultSamples::difference_from(const ResultSamples& right) const {
  constexpr std::size_t kOneIn = 16;  // as many may differ: a bias that cancels a sum leaves few digits
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const std::vector<float>&got = parts_[p].values, &expected = right.parts_[p].values;
    double squares = 0;
    std::size_t finite = 0, wrong = 0, first = 0;
    for (const float value : expected) {
      if (!std::isfinite(value)) continue;
      squares += static_cast<double>(value) * static_cast<double>(value);
      ++finite;
    }
    const double scale = finite > 0 ? std::sqrt(squares / static_cast<double>(finite)) : 0;
    bool unwritten = false;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double value = static_cast<double>(expected[i]);
      if (!std::isfinite(value) ||
          std::abs(static_cast<double>(got[i]) - value) <= tolerance_ * (scale + std::abs(value))) {
        continue;
      }
      unwritten = unwritten || std::isnan(got[i]);
      if (wrong++ == 0) first = i;
    }
    if (wrong * kOneIn <= finite && !unwritten) continue;
    std::ostringstream text;
    text << parts_[p].name << " is wrong in " << wrong << " of " << finite
         << " places that were looked at: " << got[first] << " instead of " << expected[first];
    return text.str();
  }
  return "";
}

}  // namespace dgsam
