// Whole networks on the kernels and libraries: every call of a forward and backward pass against the CPU.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/check/compare_backend.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cuda/library/cuda_backend.h"
#include "tests/cuda/network_training.h"
#include "tests/models/networks.h"

using namespace dgsam;

namespace {

NetworkOptions options_on(Backend& backend, DType activation) {
  NetworkOptions options = NetworkTraining::options();
  options.activation = activation;
  options.adapt_to(backend);
  return options;
}

}  // namespace

TEST_CASE("every call of a residual network's forward and backward pass agrees with the CPU") {
  CudaBackend cuda({.plan_cache = "none"});
  CpuBackend cpu({1});
  for (const BatchNormMode mode : {BatchNormMode::frozen, BatchNormMode::batch}) {
    CompareBackend compare(cuda, cpu);
    RunningNetwork network(compare, build_network(tiny_bottleneck(), 5, small_options(2, mode)));
    CHECK(std::isfinite(network.run()));
    const std::string report = compare.report();
    INFO(report);
    CHECK(compare.passed());
    CHECK(compare.worst().at("conv2d_weight_grad").calls > 5);
  }
}

TEST_CASE("every call of two steps agrees with the CPU in f32, TF32 and bf16, ReLU gradients in products included") {
  struct Way {
    DType activation;
    bool tf32, measure;
  };
  for (const Way& way : {Way{DType::f32, false, false},
                         {DType::f32, true, false},
                         {DType::bf16, false, false},
                         {DType::f32, false, true},
                         {DType::bf16, false, true}}) {
    CAPTURE(name_of(way.activation));
    CAPTURE(way.tf32);
    CAPTURE(way.measure);
    CudaBackend cuda({.tf32 = way.tf32, .measure = way.measure, .plan_cache = "none"});
    CpuBackend cpu({1});
    CompareBackend compare(cuda, cpu, way.tf32);
    const NetworkOptions options = options_on(compare, way.activation);
    const emulated::Cublas before = emulated::cublas();
    NetworkTraining training(compare, "dgsam", NetworkTraining::spec(), options, 1e-2);
    for (int step = 0; step < 2; ++step) training.step();
    const std::string report = compare.report();
    INFO(report);
    CHECK(compare.passed());
    constexpr int kPasses = 2 * (NetworkTraining::kDomains + 1);
    CHECK(compare.worst().at("conv2d_relu_mask").calls == kPasses);           // between the two blocks
    CHECK(compare.worst().at("conv2d_data_grad_relu").calls == 3 * kPasses);  // and behind either 3x3 convolution
    if (!way.measure) {
      CHECK(emulated::cublas().masks_written >= before.masks_written + kPasses);
      CHECK(emulated::cublas().masks_read >= before.masks_read + 3 * kPasses);
    }
  }
}

TEST_CASE("steps with ReLU gradients in products end where steps without them do, to rounding") {
  CudaBackend cuda({.measure = false, .plan_cache = "none"});
  for (const char* method : {"erm", "sam", "dgsam"}) {
    CAPTURE(method);
    const auto theta = [&](int mask_bits) {
      NetworkOptions options = options_on(cuda, DType::f32);
      options.compile.relu_mask_bits = mask_bits;
      NetworkTraining training(cuda, method, NetworkTraining::spec(), options, 1e-3);
      for (int step = 0; step < 3; ++step) training.step();
      return read(cuda, training.theta);
    };
    const Vector fused = theta(128), apart = theta(0);
    CHECK(fused != apart);  // or nothing was fused
    for (std::size_t i = 0; i < apart.size(); ++i) CHECK(fused[i] == doctest::Approx(apart[i]).epsilon(1e-3).scale(1));
  }
}

TEST_CASE("where the library's masks are not what the kernels take them for, nothing is fused") {
  emulated::Cublas& library = emulated::cublas();
  for (bool* const otherwise : {&library.highest_bit_first, &library.mask_at_zero, &library.sums_before_mask}) {
    *otherwise = true;
    for (const bool tf32 : {false, true}) {
      CudaBackend cuda({.tf32 = tf32, .plan_cache = "none"});
      CHECK(cuda.relu_mask_bits(DType::f32) == 0);
      CHECK(cuda.relu_mask_bits(DType::bf16) == 0);
    }
    *otherwise = false;
  }
  CudaBackend cuda({.plan_cache = "none"});
  CHECK(cuda.relu_mask_bits(DType::f32) == 128);
  CHECK(cuda.relu_mask_bits(DType::bf16) == 128);
  CHECK(cuda.relu_mask_bits(DType::f64) == 0);
  CHECK(CudaKernelBackend().relu_mask_bits(DType::f32) == 0);
}
