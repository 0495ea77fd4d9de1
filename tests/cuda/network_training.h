// A small network in training: what the tests of whole steps run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/rng.h"
#include "models/network.h"
#include "models/network_gradient.h"
#include "models/parameters.h"
#include "optim/make_method.h"
#include "tests/optim/training.h"

namespace dgsam {

/// A ResNet in training; unless told otherwise two bottleneck blocks with frozen batch norm on images of 16x16, in f32.
struct NetworkTraining {
  static constexpr int kDomains = 3, kBatch = 2, kSize = 16, kClasses = 4;

  NetworkTraining(Backend& backend, const std::string& method_name)
      : NetworkTraining(backend, method_name, spec(), options(), 1e-2) {}
  NetworkTraining(Backend& backend, const std::string& method_name, const ResNetSpec& model,
                  const NetworkOptions& network_options, double learning_rate)
      : NetworkTraining(backend, method_name, build_network(model, kClasses, network_options), learning_rate) {}
  NetworkTraining(Backend& backend, const std::string& method_name, Network network, double learning_rate)
      : loss(network.loss),
        theta(backend, network.graph.theta_layout(), DType::f32),
        statistics(backend, network.graph.statistic_layout(), DType::f32),
        gradient(backend, std::move(network), std::make_shared<Arena>(backend), statistics,
                 {.domains = kDomains, .seed = 1}),
        base(make_base_optimizer(backend, theta, adam(learning_rate, 1e-3))),
        method(make_method(backend, *base, theta, kDomains, method_options(method_name))) {
    initialise(gradient.graph(), backend, theta, 1);
    initialise_statistics(gradient.graph(), backend, statistics);
  }

  void step() {
    const Shape batch = image_type(gradient.graph()).shape;
    std::vector<std::vector<float>> images(kDomains);
    std::vector<std::vector<std::int32_t>> labels(kDomains);
    RandomStream random(7, "batches", static_cast<std::uint64_t>(steps));
    for (int domain = 0; domain < kDomains; ++domain) {
      auto& pixels = images[static_cast<std::size_t>(domain)];
      for (std::int64_t i = 0; i < batch.elements(); ++i) pixels.push_back(static_cast<float>(random.normal()));
      auto& classes = labels[static_cast<std::size_t>(domain)];
      for (std::int64_t i = 0; i < batch[0]; ++i) classes.push_back(static_cast<std::int32_t>(random.below(kClasses)));
      gradient.stage(domain, {.pixels = pixels.data(), .labels = classes});
    }
    method->step(steps++, theta, gradient);
  }

  static ResNetSpec spec() {
    return {.block = ResNetSpec::Block::bottleneck, .blocks = {2}, .planes = {8}, .stem = 16};
  }
  static NetworkOptions options() {
    return {.batch = kBatch, .image_size = kSize, .compile = {.relu_mask_bits = 128, .gather_folds = true}};
  }
  static MethodOptions method_options(const std::string& name) {
    MethodOptions options = plain_method(name);
    options.order = random_order(kDomains, 3);
    return options;
  }

  Value loss;  ///< of the gradient's program
  FlatVector theta, statistics;
  NetworkGradient gradient;
  std::unique_ptr<BaseOptimizer> base;
  std::unique_ptr<Method> method;
  std::int64_t steps = 0;
};

}  // namespace dgsam
