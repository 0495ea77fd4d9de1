// Whole networks on the kernels and libraries: every call of a forward and backward pass against the CPU.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/check/compare_backend.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cuda/library/cuda_backend.h"
#include "tests/models/networks.h"

using namespace dgsam;

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
