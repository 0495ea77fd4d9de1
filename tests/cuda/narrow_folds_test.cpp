// Biases and gradients that pass between convolutions and folds in bf16: fewer launches, and the same bits.
#include <doctest/doctest.h>

#include "engine/cuda/library/cuda_backend.h"
#include "tests/cuda/network_training.h"

using namespace dgsam;

namespace {

NetworkOptions bf16_on(Backend& backend, bool narrow) {
  NetworkOptions options = NetworkTraining::options();
  options.activation = DType::bf16;
  options.adapt_to(backend);
  CHECK(options.compile.narrow_folds);
  options.compile.narrow_folds = narrow;
  return options;
}

}  // namespace

TEST_CASE("steps with narrow folds end with the bits of steps without, by the libraries' own choices") {
  CudaBackend cuda({.measure = false, .plan_cache = "none"});
  for (const char* method : {"erm", "dgsam"}) {
    CAPTURE(method);
    const auto theta = [&](bool narrow) {
      NetworkTraining training(cuda, method, NetworkTraining::spec(), bf16_on(cuda, narrow), 1e-2);
      for (int step = 0; step < 3; ++step) training.step();
      return read(cuda, training.theta);
    };
    CHECK(theta(true) == theta(false));
  }
}

TEST_CASE("one pass of a ResNet-50 in bf16 is at most 235 kernels, copies and fills; without narrow folds, 105 more") {
  CudaBackend cuda({.measure = false, .plan_cache = "none"});
  const auto launches = [&](bool narrow) {
    NetworkOptions options{.batch = 1, .image_size = 32, .activation = DType::bf16};
    options.adapt_to(cuda);
    options.compile.narrow_folds = narrow;
    Network network = build_network(resnet50(), 7, options);
    const FlatVector theta(cuda, network.graph.theta_layout(), DType::f32);  // zeros will do
    FlatVector gradient(cuda, network.graph.theta_layout(), DType::f32);
    const FlatVector statistics(cuda, network.graph.statistic_layout(), DType::f32);
    Program program(std::move(network.graph), cuda, std::make_shared<Arena>(cuda));
    std::vector<Buffer> buffers;
    std::vector<NamedInput> inputs;
    for (const Value input : program.graph().inputs()) {
      const ValueInfo& info = program.graph().info(input);
      inputs.push_back({info.name, {buffers.emplace_back(cuda, info.type.bytes()).data(), info.type}});
    }
    const Bindings bindings{&theta, &gradient, &statistics, nullptr, inputs};
    program.run(bindings);  // algorithms are chosen
    return cuda.record([&] { program.run(bindings); })->launches();
  };
  const std::int64_t narrow = launches(true), wide = launches(false);
  MESSAGE(narrow << " launches; without narrow folds " << wide);
  CHECK(narrow <= 235);
  CHECK(wide - narrow == 53 + 31 + 20);  // biases, bias gradients, weight gradients; the head's bias stays
}
