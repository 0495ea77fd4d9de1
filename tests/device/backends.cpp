// What the tests of operations, and PyTorch's trajectories, run on in the program for a GPU.
#include "engine/cpu/make_cpu_backend.h"
#include "engine/cuda/make_cuda_backend.h"
#include "engine/make_backend.h"
#include "tests/device/device_options.h"
#include "tests/ops/ops.h"
#include "tests/optim/golden_backends.h"

namespace dgsam {
namespace {

Backend& cuda() {
  static const auto backend = make_backend("cuda", device_options());
  return *backend;
}

}  // namespace

namespace test {

/// The last one compares every call with the CPU.
const std::vector<NamedBackend>& backends() {
  static const auto cpu = make_cpu_backend({}, false);
  static CompareBackend compare(cuda(), *cpu);
  static const std::vector<NamedBackend> all{{"cuda", &cuda(), true}, {"compared", &compare}};
  return all;
}

std::vector<Layout> layouts(std::int64_t) { return {Layout::dense}; }

}  // namespace test

const std::vector<GoldenBackend>& golden_backends() {
  static const std::vector<GoldenBackend> all{{"cuda", &cuda(), DType::f64, 1e-9}, {"cuda", &cuda(), DType::f32, 1e-5}};
  return all;
}

}  // namespace dgsam
