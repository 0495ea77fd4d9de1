// Adam, AdamW and SGD against PyTorch's formulas.
#include "optim/base_optimizer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/core/check.h"
#include "engine/cpu/cpu_backend.h"
#include "tests/optim/reference.h"
#include "tests/optim/training.h"

using namespace dgsam;

namespace {

std::vector<OptimizerOptions> all_optimizers() {
  std::vector<OptimizerOptions> all(5);
  for (OptimizerOptions& options : all) {
    options.learning_rate = 0.1;
    options.weight_decay = 0.3;
  }
  all[1].name = "adamw";
  for (const int sgd : {2, 3, 4}) all[static_cast<std::size_t>(sgd)].name = "sgd";
  all[3].momentum = 0;
  all[4].nesterov = true;
  return all;
}

/// A θ of five parameters with its gradient.
struct Vectors {
  explicit Vectors(Backend& backend, DType dtype = DType::f64) {
    auto layout = std::make_shared<FlatLayout>();
    layout->add("a", {3});
    layout->add("b", {2});
    theta = FlatVector(backend, layout, dtype);
    gradient = FlatVector(backend, layout, dtype);
    write(backend, theta, {0.3, -1.2, 0.7, 2.0, 0.0});
  }
  FlatVector theta, gradient;
};

Vector gradient_of_step(int t) { return {0.1 * t, -1.0 / t, 1e-3, t % 2 ? 5.0 : -5.0, 0.0}; }

}  // namespace

TEST_CASE("every optimizer follows PyTorch's formula, the scale being part of the gradient") {
  CpuBackend backend;
  for (const OptimizerOptions& options : all_optimizers()) {
    CAPTURE(options.name);
    CAPTURE(options.momentum);
    CAPTURE(options.nesterov);
    Vectors vectors(backend);
    const auto optimizer = make_base_optimizer(backend, vectors.theta, options);
    ReferenceOptimizer reference{options};
    Vector expected = read(backend, vectors.theta);
    for (int t = 1; t <= 10; ++t) {
      const double scale = 0.75;
      write(backend, vectors.gradient, gradient_of_step(t));
      optimizer->begin_update();
      optimizer->update(vectors.theta, vectors.gradient, scale);
      expected = reference.update(expected, plus(Vector(5, 0.0), scale, gradient_of_step(t)));
      CHECK(distance(read(backend, vectors.theta), expected) < 1e-13);
    }
  }
}

TEST_CASE("Adam's first step has the length of the learning rate in every coordinate with a gradient") {
  CpuBackend backend;
  Vectors vectors(backend);
  const auto optimizer = make_base_optimizer(backend, vectors.theta, adam(0.1, 0));
  write(backend, vectors.gradient, {3.0, -0.02, 1.0, 400.0, 0.0});
  optimizer->begin_update();
  optimizer->update(vectors.theta, vectors.gradient, 1);
  CHECK(distance(read(backend, vectors.theta), {0.2, -1.1, 0.6, 1.9, 0.0}) < 1e-7);
}

TEST_CASE("state and number of updates are all there is to an optimizer: a restored one goes on bit for bit") {
  CpuBackend backend;
  for (const OptimizerOptions& options : all_optimizers()) {
    CAPTURE(options.name);
    Vectors one(backend), two(backend);
    const auto first = make_base_optimizer(backend, one.theta, options);
    const auto second = make_base_optimizer(backend, two.theta, options);
    const auto train = [&](BaseOptimizer& optimizer, Vectors& vectors, int from, int to) {
      for (int t = from; t <= to; ++t) {
        write(backend, vectors.gradient, gradient_of_step(t));
        optimizer.begin_update();
        optimizer.update(vectors.theta, vectors.gradient, 1);
      }
    };
    train(*first, one, 1, 3);
    REQUIRE(first->state().size() == second->state().size());
    for (std::size_t i = 0; i < first->state().size(); ++i) {
      CHECK(first->state()[i].name == second->state()[i].name);
      backend.copy(first->state()[i].vector->all(), second->state()[i].vector->all());
    }
    backend.copy(one.theta.all(), two.theta.all());
    second->set_updates(first->updates());
    CHECK(first->updates() == 3);
    train(*first, one, 4, 8);
    train(*second, two, 4, 8);
    CHECK(read(backend, one.theta) == read(backend, two.theta));
  }
}

TEST_CASE("the gaps of a flat vector stay zero") {
  CpuBackend backend;
  for (const OptimizerOptions& options : all_optimizers()) {
    Vectors vectors(backend, DType::f32);
    const auto optimizer = make_base_optimizer(backend, vectors.theta, options);
    write(backend, vectors.gradient, gradient_of_step(1));
    optimizer->begin_update();
    optimizer->update(vectors.theta, vectors.gradient, 1);
    std::vector<float> all(static_cast<std::size_t>(vectors.theta.all().elements()));
    backend.download(all.data(), vectors.theta.all());
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i % 32 >= (i < 32 ? 3u : 2u)) CHECK(all[i] == 0);
    }
  }
}

TEST_CASE("wrong optimizer options are refused") {
  CpuBackend backend;
  Vectors vectors(backend);
  const auto refused = [&](const auto& change) {
    OptimizerOptions options;
    change(options);
    CHECK_THROWS_AS(make_base_optimizer(backend, vectors.theta, options), Error);
  };
  refused([](OptimizerOptions& options) { options.name = "lbfgs"; });
  refused([](OptimizerOptions& options) { options.learning_rate = 0; });
  refused([](OptimizerOptions& options) { options.weight_decay = -1; });
  refused([](OptimizerOptions& options) { options.beta2 = 1; });
  refused([](OptimizerOptions& options) { options.eps = 0; });
  refused([](OptimizerOptions& options) {
    options.name = "sgd";
    options.momentum = 0;
    options.nesterov = true;
  });
}
