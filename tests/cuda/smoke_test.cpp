// The test that a GPU is given first, on the emulated one: it passes there, and says what is wrong with a device that
// is broken.
#include "tools/profile/smoke.h"

#include <doctest/doctest.h>

#include "engine/cpu/cpu_backend.h"
#include "engine/cuda/library/cuda_backend.h"

using namespace dgsam;

TEST_CASE("the smoke test passes on the emulated device, and fails where its libraries compute nonsense") {
  CpuBackend cpu({1});
  {
    CudaBackend cuda({.measure = false, .plan_cache = "none"});
    const SmokeResult result = smoke_test(cuda, cpu, 1 << 16);
    INFO(result.text);
    CHECK(result.passed);
    for (const char* part : {"free memory", "GB/s", "conv2d_data_grad_relu", "masks        of bf16: 128"}) {
      CHECK(result.text.find(part) != std::string::npos);
    }
  }
  CudaBackend cuda({.measure = false, .plan_cache = "none"});
  emulated::failures() = {};
  emulated::failures().bad_work = 40;  // a product or convolution late enough to be no first run of its kind
  emulated::failures().how = emulated::Failures::Work::lost;
  const SmokeResult result = smoke_test(cuda, cpu, 1 << 16);
  CHECK_FALSE(result.passed);
  CHECK(result.text.find("FAILED") != std::string::npos);
  CHECK(result.text.find("illegal memory access") != std::string::npos);
  emulated::failures() = {};
}
