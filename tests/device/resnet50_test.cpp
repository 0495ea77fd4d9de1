// ResNet-50 in training on a GPU: every call against the CPU, and the same bits every time.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/check/compare_backend.h"
#include "tests/cuda/step_bits.h"
#include "tests/device/device_options.h"

using namespace dgsam;

namespace {

constexpr double kRate = 5e-5;

NetworkOptions options_on(Backend& backend, DType activation, int image_size) {
  NetworkOptions options{.batch = 4, .image_size = image_size, .activation = activation};
  options.adapt_to(backend);
  return options;
}

/// Two steps of DGSAM on images of 224x224.
void compare_with_cpu(const BackendOptions& options, DType activation, BatchNormMode batch_norm) {
  const auto cuda = make_backend("cuda", options), cpu = make_backend("cpu");
  CompareBackend compare(*cuda, *cpu, options.tf32);
  NetworkOptions network = options_on(compare, activation, 224);
  network.batch_norm = batch_norm;
  NetworkTraining training(compare, "dgsam", resnet50(), network, kRate);
  for (int step = 0; step < 2; ++step) training.step();
  for (const double loss : training.method->report().losses) CHECK(std::isfinite(loss));
  MESSAGE(cuda->name() << ", " << name_of(activation) << "\n" << compare.report());
  CHECK(compare.passed());
  const bool masks = network.compile.relu_mask_bits > 0 && batch_norm == BatchNormMode::frozen;
  CHECK(compare.worst().at("conv2d").calls == 2 * 4 * (masks ? 53 - 15 : 53));
  if (masks) CHECK(compare.worst().at("conv2d_relu_mask").calls == 2 * 4 * 15);
  CHECK(compare.worst().at("conv2d_weight_grad").calls == 2 * 4 * 53);
}

}  // namespace

TEST_CASE("ResNet-50: every call of two steps agrees with the CPU in f32") {
  compare_with_cpu(device_options(), DType::f32, BatchNormMode::frozen);
  compare_with_cpu(device_options(), DType::f32, BatchNormMode::batch);
}

TEST_CASE("ResNet-50: every call of two steps agrees with the CPU in TF32") {
  compare_with_cpu(device_options(true), DType::f32, BatchNormMode::frozen);
}

TEST_CASE("ResNet-50: every call of two steps agrees with the CPU in bf16") {
  compare_with_cpu(device_options(), DType::bf16, BatchNormMode::frozen);
}

TEST_CASE("ResNet-50: steps end with the same bits, one by one or recorded, on one stream or two, and again") {
  const auto cuda = make_backend("cuda", device_options()), tf32 = make_backend("cuda", device_options(true));
  struct Way {
    Backend* backend;
    DType activation;
  };
  for (const Way& way : {Way{cuda.get(), DType::f32}, Way{tf32.get(), DType::f32}, Way{cuda.get(), DType::bf16}}) {
    for (const char* method : {"erm", "sam", "dgsam"}) {
      CAPTURE(way.backend->name());
      CAPTURE(name_of(way.activation));
      CAPTURE(method);
      check_step_bits(*way.backend, [&](Backend& backend) {
        const NetworkOptions options = options_on(*way.backend, way.activation, 96);
        return NetworkTraining(backend, method, resnet50(), options, kRate);
      });
    }
  }
}
