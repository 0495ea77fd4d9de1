// A small network in training: what the tests of whole steps run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/rng.h"
#include "models/network.h"
#include "models/parameters.h"
#include "optim/make_method.h"
#include "optim/program_gradient.h"
#include "tests/optim/training.h"

namespace dgsam {

/// A ResNet in training; unless told otherwise two bottleneck blocks with frozen batch norm on images of 16x16, in f32.
struct NetworkTraining {
  static constexpr int kDomains = 3, kBatch = 2, kSize = 16, kClasses = 4;

  NetworkTraining(Backend& backend, const std::string& method_name)
      : NetworkTraining(backend, method_name, spec(), options(), 1e-2) {}
  NetworkTraining(Backend& backend, const std::string& method_name, const ResNetSpec& model,
                  const NetworkOptions& network_options, double learning_rate)
      : network(build_network(model, kClasses, network_options)),
        program(std::move(network.graph), backend, std::make_shared<Arena>(backend)),
        theta(backend, program.graph().theta_layout(), DType::f32),
        statistics(backend, program.graph().statistic_layout(), DType::f32),
        gradient(backend, {&program, network.loss}, {}, &statistics, kDomains, 1),
        base(make_base_optimizer(backend, theta, adam(learning_rate, 1e-3))),
        method(make_method(backend, *base, theta, kDomains, method_options(method_name))) {
    initialise(program.graph(), backend, theta, 1);
    initialise_statistics(program.graph(), backend, statistics);
  }

  void step() {
    const Shape& batch = program.graph().type(network.images).shape;
    std::vector<std::vector<float>> images(kDomains);
    std::vector<std::vector<std::int32_t>> labels(kDomains);
    RandomStream random(7, "batches", static_cast<std::uint64_t>(steps));
    for (int domain = 0; domain < kDomains; ++domain) {
      auto& pixels = images[static_cast<std::size_t>(domain)];
      for (std::int64_t i = 0; i < batch.elements(); ++i) pixels.push_back(static_cast<float>(random.normal()));
      auto& classes = labels[static_cast<std::size_t>(domain)];
      for (std::int64_t i = 0; i < batch[0]; ++i) classes.push_back(static_cast<std::int32_t>(random.below(kClasses)));
      gradient.stage(domain, pixels.data(), classes.data());
    }
    method->step(steps++, theta, gradient);
  }

  static ResNetSpec spec() {
    return {.block = ResNetSpec::Block::bottleneck, .blocks = {2}, .planes = {8}, .stem = 16};
  }
  static NetworkOptions options() {
    return {.batch = kBatch, .image_size = kSize, .relu_mask_bits = 128, .gather_folds = true};
  }
  static MethodOptions method_options(const std::string& name) {
    MethodOptions options = plain_method(name);
    options.order = random_order(kDomains, 3);
    return options;
  }

  Network network;
  Program program;
  FlatVector theta, statistics;
  ProgramGradient gradient;
  std::unique_ptr<BaseOptimizer> base;
  std::unique_ptr<Method> method;
  std::int64_t steps = 0;
};

}  // namespace dgsam
